// A tile of a correlation, in registers.
//
// It is R output channels by U vectors of outputs. Its R * U sums stay in registers for all channels and taps:
// each vector of the source that is loaded serves R sums, and each weight, spread over a vector, serves U.
#pragma once

#include <array>
#include <utility>

#include "window.hpp"

namespace chainrule::LEVEL {

inline constexpr int most_channels = accumulators / 3;
inline constexpr int most_vectors(int channels) { return std::min(8, accumulators / channels); }

// Where outputs go. Vector u of channel r is at data + r * channel + to[u]; its first n lanes exist, pace apart.
template <class S> struct Sink {
    S* data;
    int64_t channel, pace;
    int n;
};

template <class S> struct Panel {
    const S* weights;  // the biases of R channels; then for each source channel and tap, R weights
    int64_t channels, taps;
};

template <class S, int R, int U>
void correlate_tile(const Panel<S>& panel, const Window<S>& window, const int64_t* from, const Sink<S>& sink,
                    const int64_t* to) {
    const S* w = panel.weights;
    Vector<S> sums[R][U];
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) sums[r][u] = spread(w[r]);
    }
    w += R;
    const S* x[U];
#pragma GCC unroll 32
    for (int u = 0; u < U; ++u) x[u] = window.data + from[u];
    const int64_t* taps = window.taps.data();
    for (int64_t c = 0; c < panel.channels; ++c) {
        for (int64_t k = 0; k < panel.taps; ++k, w += R) {
            Vector<S> read[U];
#pragma GCC unroll 32
            for (int u = 0; u < U; ++u) read[u] = load(x[u] + taps[k]);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) {
                const Vector<S> weight = spread(w[r]);
#pragma GCC unroll 32
                for (int u = 0; u < U; ++u) sums[r][u] += weight * read[u];
            }
        }
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) x[u] += window.channel;
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
        for (int u = 0; u < U; ++u) {
            S* y = sink.data + r * sink.channel + to[u];
            if (sink.pace == 1)
                store(y, sums[r][u], sink.n);
            else
                for (int i = 0; i < sink.n; ++i) y[i * sink.pace] = sums[r][u][i];
        }
    }
}

template <class S>
using CorrelateTile = void (*)(const Panel<S>&, const Window<S>&, const int64_t*, const Sink<S>&, const int64_t*);

template <class S, int R, int... u>
constexpr std::array<CorrelateTile<S>, 8> correlate_tiles_of(std::integer_sequence<int, u...>) {
    return {(u < most_vectors(R) ? correlate_tile<S, R, std::min(u + 1, most_vectors(R))> : nullptr)...};
}

// The tile of R channels and U vectors.
template <class S> CorrelateTile<S> correlate_tile_for(int64_t R, int64_t U) {
    static constexpr auto tiles = []<int... r>(std::integer_sequence<int, r...>) {
        return std::array{correlate_tiles_of<S, r + 1>(std::make_integer_sequence<int, 8>())...};
    }(std::make_integer_sequence<int, most_channels>());
    return tiles[size_t(R - 1)][size_t(U - 1)];
}

}  // namespace chainrule::LEVEL
