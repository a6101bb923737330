// A tile of the gradient towards the kernel, in registers.
//
// It is R output channels by N pairs of a source channel and a tap: R * N vectors of sums over the outputs of a box
// stay in registers, then their lanes are added up.
#pragma once

#include <array>
#include <utility>

#include "sums.hpp"
#include "window.hpp"

namespace chainrule::LEVEL {

inline constexpr int most_gradient_channels = accumulators / 6;
inline constexpr int most_pairs(int channels) { return std::min(12, accumulators / channels); }

// The vectors of outputs of a box: those full of outputs that no other holds, then those whose first lanes don't count.
struct Places {
    std::vector<int64_t> x, dy;
    size_t full;
};

template <class S> struct Outputs {
    const S *x, *dy;
    int64_t dy_channel;
    const Places& places;
    Integers<S> counted;  // of the lanes of those that are not full, all bits where they count
    int n;                // lanes to read of dy
};

// Adds to sums (sums.hpp), for number r * N + n, the sum over the box of dy[r] x[pair n].
template <class S, int R, int N>
void kernel_gradient_tile(const Outputs<S>& outputs, const S* dy, const int64_t* pairs, S* sums) {
    Vector<S> sum[R * N] = {};
    const S* x[N];
#pragma GCC unroll 32
    for (int n = 0; n < N; ++n) x[n] = outputs.x + pairs[n];
    const Places& places = outputs.places;
    for (size_t v = 0; v < places.full; ++v) {
        Vector<S> d[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) d[r] = load(dy + r * outputs.dy_channel + places.dy[v]);
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            const Vector<S> read = load(x[n] + places.x[v]);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) sum[r * N + n] += d[r] * read;
        }
    }
    for (size_t v = places.full; v < places.x.size(); ++v) {
        Vector<S> d[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r)
            d[r] = only<S>(outputs.counted, load(dy + r * outputs.dy_channel + places.dy[v], outputs.n));
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            const Vector<S> read = only<S>(outputs.counted, load(x[n] + places.x[v]));
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) sum[r * N + n] += d[r] * read;
        }
    }
    add_lanes<S>(sum, sums);
}

template <class S> using KernelGradientTile = void (*)(const Outputs<S>&, const S*, const int64_t*, S*);

template <class S, int R, int... n>
constexpr std::array<KernelGradientTile<S>, 12> kernel_gradient_tiles_of(std::integer_sequence<int, n...>) {
    return {(n < most_pairs(R) ? kernel_gradient_tile<S, R, std::min(n + 1, most_pairs(R))> : nullptr)...};
}

// The tile of R channels and N pairs.
template <class S> KernelGradientTile<S> kernel_gradient_tile_for(int64_t R, int64_t N) {
    static constexpr auto tiles = []<int... r>(std::integer_sequence<int, r...>) {
        return std::array{kernel_gradient_tiles_of<S, r + 1>(std::make_integer_sequence<int, 12>())...};
    }(std::make_integer_sequence<int, most_gradient_channels>());
    return tiles[size_t(R - 1)][size_t(N - 1)];
}

}  // namespace chainrule::LEVEL
