// One step of a stream: the inputs of B rows are written over those that no later step sees, and give their outputs.
//
// The last inputs lie in a ring of slots, so that a step reads as many as there are taps and moves none. Lanes are
// output channels: a tile is R rows by U vectors of them, and each vector of weights that is loaded serves R rows.
#pragma once

#include <array>
#include <utility>

#include "../../../compiled/threads.hpp"
#include "reach.hpp"

namespace chainrule::LEVEL {

template <class S> class Stream {
    static constexpr int most_vectors = 4, most_rows = accumulators / most_vectors;

    const StreamCall& call_;
    const int64_t width_ = call_.G * call_.C;   // input channels of a row
    const int64_t slots_ = call_.dilation * (call_.K - 1) + 1;
    S* const ring_ = static_cast<S*>(call_.ring);

public:
    explicit Stream(const StreamCall& call) : call_(call) {}

    void run() const {
        std::memcpy(ring_ + call_.at * call_.B * width_, call_.x, size_t(call_.B * width_) * sizeof(S));
        if (call_.depthwise) run_groups<true>(1, width_);
        else run_groups<false>(call_.G, call_.O);
    }

private:
    // Depthwise, all channels are one group, in which lane c of the input meets lane c of the weights.
    template <bool depthwise> void run_groups(int64_t groups, int64_t O) const {
        const Split vectors((O + lanes<S> - 1) / lanes<S>, most_vectors), rows(call_.B, most_rows);
        const int64_t all = groups * vectors.pieces * rows.pieces;
        in_parallel(int(call_.threads), [&](int64_t t) {
            for (int64_t i = all * t / call_.threads; i < all * (t + 1) / call_.threads; ++i) {
                const int64_t piece = i / rows.pieces % vectors.pieces, row = i % rows.pieces;
                const int64_t u = vectors.begin(piece), b = rows.begin(row);
                const Place at{b, i / rows.pieces / vectors.pieces, u * lanes<S>, O};
                const int64_t R = rows.begin(row + 1) - b, U = vectors.begin(piece + 1) - u;
                tiles<depthwise>[size_t(R - 1)][size_t(U - 1)](*this, at);
            }
        });
    }

    struct Place {
        int64_t b, g, o, O;  // the first row, the group, its first output, and how many outputs a group has
    };

    template <bool depthwise, int R, int U> static void tile(const Stream& stream, const Place& at) {
        const StreamCall& call = stream.call_;
        const int64_t width = stream.width_, channels = depthwise ? 1 : call.C;
        const int last = int(std::min<int64_t>(lanes<S>, at.O - at.o - (U - 1) * lanes<S>));  // lanes of vector U - 1
        const S* w = static_cast<const S*>(call.w) + at.g * call.K * channels * call.padded + at.o;
        Vector<S> sums[R][U];
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) {
            const int64_t o = at.g * call.padded + at.o + u * lanes<S>;
            const Vector<S> bias = call.bias ? load(static_cast<const S*>(call.bias) + o) : Vector<S>{};
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) sums[r][u] = bias;
        }
        int64_t slot = call.at + 1 == stream.slots_ ? 0 : call.at + 1;  // the oldest
        for (int64_t k = 0; k < call.K; ++k) {
            const S* x = stream.ring_ + (slot * call.B + at.b) * width + (depthwise ? at.o : at.g * call.C);
            for (int64_t c = 0; c < channels; ++c, w += call.padded) {
                Vector<S> weights[U];
#pragma GCC unroll 32
                for (int u = 0; u < U; ++u) weights[u] = load(w + u * lanes<S>);
#pragma GCC unroll 32
                for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
                    for (int u = 0; u < U; ++u) {
                        const S* from = x + r * width;
                        sums[r][u] += weights[u] * (depthwise ? load(from + u * lanes<S>, u + 1 == U ? last : lanes<S>)
                                                              : spread(from[c]));
                    }
                }
            }
            slot += call.dilation;
            if (slot >= stream.slots_) slot -= stream.slots_;
        }
        const int64_t outputs = depthwise ? width : call.G * call.O;
        S* y = static_cast<S*>(call.y) + at.b * outputs + at.g * at.O + at.o;
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
            for (int u = 0; u < U; ++u) store(y + r * outputs + u * lanes<S>, sums[r][u], u + 1 == U ? last : lanes<S>);
        }
    }

    using Tile = void (*)(const Stream&, const Place&);

    template <bool depthwise> static constexpr auto tiles_of() {
        return []<int... r>(std::integer_sequence<int, r...>) {
            return std::array{[]<int R, int... u>(std::integral_constant<int, R>, std::integer_sequence<int, u...>) {
                return std::array<Tile, most_vectors>{tile<depthwise, R, u + 1>...};
            }(std::integral_constant<int, r + 1>{}, std::make_integer_sequence<int, most_vectors>())...};
        }(std::make_integer_sequence<int, most_rows>());
    }
    template <bool depthwise> static constexpr auto tiles = tiles_of<depthwise>();
};

}  // namespace chainrule::LEVEL
