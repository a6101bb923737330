// The forward pass over planes, and the gradient towards the input.
#pragma once

#include <array>
#include <utility>

#include "../../../compiled/threads.hpp"
#include "planes.hpp"

namespace chainrule::LEVEL {

template <class S> class PlaneCorrelation {
    static constexpr int most_vectors = accumulators / 3;  // of a tile: sums, sums of a column, what is read

    const Call& call_;
    const Source<S> source_;
    const Planes<S> planes_;
    const S *w_, *bias_;
    S* const result_;

public:
    PlaneCorrelation(const Call& call, Source<S> source, const Reach (&reach)[3], const void* bias, void* result)
        : call_(call), source_(source), planes_(call, reach), w_(static_cast<const S*>(call.w)),
          bias_(static_cast<const S*>(bias)), result_(static_cast<S*>(result)) {}

    int64_t workspace() const { return call_.threads * room(); }

    void run() const {
        in_parallel(int(call_.threads), [&](int64_t t) {
            S* const own = static_cast<S*>(call_.workspace) + t * room();
            const int64_t pieces = int64_t(planes_.stretches.size()), all = call_.B * call_.G * pieces;
            for (int64_t i = all * t / call_.threads; i < all * (t + 1) / call_.threads; ++i)
                correlate(i / pieces, planes_.stretches[size_t(i % pieces)], own);
        });
    }

private:
    // Of a thread: the weights in the order of the taps, and a stretch.
    int64_t room() const { return int64_t(planes_.entries.size()) + planes_.room(); }

    void correlate(int64_t n, const Stretch& stretch, S* room) const {
        const int64_t b = n / call_.G, g = n % call_.G;
        const S* plane = source_.data + b * source_.row + g * source_.channel;
        const S* w = w_ + g * int64_t(planes_.entries.size());
        S* const weights = std::exchange(room, room + planes_.entries.size());
        for (size_t tap = 0; tap < planes_.entries.size(); ++tap) weights[tap] = w[planes_.entries[tap]];
        const S* x = planes_.place(stretch, plane, room);
        const int64_t count = stretch.end - stretch.begin, tiles = (count + most_vectors - 1) / most_vectors;
        for (int64_t v = 0, left = tiles; left; --left) {
            const int64_t U = (count - v + left - 1) / left;
            tiles_[size_t(U - 1)](planes_, x, weights, bias_ ? bias_[g] : S(0), stretch.begin, v,
                                  result_ + n * planes_.outputs);
            v += U;
        }
    }

    using Tile = void (*)(const Planes<S>&, const S*, const S*, S, int64_t, int64_t, S*);

    // Vectors v ... v + U - 1 of the stretch that starts with vector `start`.
    template <int U>
    static void tile(const Planes<S>& planes, const S* x, const S* w, S bias, int64_t start, int64_t v, S* y) {
        const int64_t* begins = planes.begins.data() + start + v;
        const S* from[U];
        Vector<S> sums[U];
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) {
            from[u] = x + (begins[u] - planes.begins[size_t(start)]);
            sums[u] = spread(bias);
        }
        const int64_t* offset = planes.offsets.data();
        const auto add = [&](Vector<S> (&to)[U]) __attribute__((always_inline)) {
            for (int64_t i = 0; i < planes.of_column; ++i, ++offset, ++w) {
                const Vector<S> weight = spread(*w);
#pragma GCC unroll 32
                for (int u = 0; u < U; ++u) to[u] += weight * load(from[u] + *offset);
            }
        };
        for (int64_t k = 0; k < planes.columns; ++k) {
            if (k == planes.whole) {
                add(sums);
                continue;
            }
            Vector<S> column[U] = {};
            add(column);
            const S* mask = planes.masks.data() + k * planes.mask_size;
#pragma GCC unroll 32
            for (int u = 0; u < U; ++u)
                sums[u] += only<S>(load(mask + planes.in_line[size_t(start + v + u)]) != Vector<S>{}, column[u]);
        }
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) store(y + begins[u], sums[u]);
    }

    static constexpr std::array<Tile, most_vectors> tiles_ = []<int... u>(std::integer_sequence<int, u...>) {
        return std::array<Tile, most_vectors>{tile<u + 1>...};
    }(std::make_integer_sequence<int, most_vectors>());
};

}  // namespace chainrule::LEVEL
