// Tiles of convolutions of many channels, in registers: of a correlation, and of the gradient towards the kernel.
#pragma once

#include "wide.hpp"

namespace chainrule::LEVEL {

// A tile is V vectors of channels of the result by N positions that lie side by side. Its sums come out as words of
// neighbouring positions, V vectors of them after each other.
template <class M> struct WideTile {
    using S = Number<M>;
    struct Task {
        const S *weights, *x;      // V vectors of biases, then of weights for each source word and tap
        int64_t words, channel;    // of the source
        const int64_t* offsets;    // of the taps
        int64_t all, first, end;   // of all taps, those that read anything
    };
    using Function = void (*)(const Task&, S*);

    template <int V, int N> static void tile(const Task& task, S* to) {
        constexpr int L = lanes<S>;
        const S *w = task.weights, *x = task.x;
        Vector<S> sums[N][V];
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v) sums[n][v] = load(w + v * L);
        }
        w += V * L;
        for (int64_t c = 0; c < task.words; ++c, x += task.channel, w += (task.all - task.end) * V * L) {
            w += task.first * V * L;
            for (int64_t k = task.first; k < task.end; ++k, w += V * L) {
                const S* from = x + task.offsets[k];
                Vector<S> weights[V];
#pragma GCC unroll 32
                for (int v = 0; v < V; ++v) weights[v] = load(w + v * L);
#pragma GCC unroll 32
                for (int n = 0; n < N; ++n) {
                    const Vector<S> read = spread_word<M>(from[n]);
#pragma GCC unroll 32
                    for (int v = 0; v < V; ++v) sums[n][v] = add_product<M>(sums[n][v], read, weights[v]);
                }
            }
        }
#pragma GCC unroll 32
        for (int n = 0; n < N; n += per_word<M>) {
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v, to += L) {
                if constexpr (!rounds<M>) store(to, sums[n][v]);
                else store(to, paired(sums[n][v], n + 1 < N ? sums[std::min(n + 1, N - 1)][v] : Vector<S>{}));
            }
        }
    }
};

// A tile of the gradient is V vectors of output channels by N pairs of a source channel and a tap.
template <class M> struct WideGradientTile {
    using S = Number<M>;
    struct Task {
        const Stored<M>* x;
        const S* dy;
        const int64_t* places;            // where the words lie in x, in the order of those of dy
        int64_t begin, end, ends, last;   // which of them: whole ones, and those of which the first number counts
        bool is_first;                    // there is nothing in the sums yet
    };
    using Function = void (*)(const Task&, const int64_t*, S*);

    static S half(const Stored<M>* x) {
        if constexpr (!rounds<M>) return *x;
        else return bits<S>(uint32_t(*x));
    }
    static S whole(const Stored<M>* x) {
        S word;
        std::memcpy(&word, x, sizeof word);
        return word;
    }

    // Adds to sums, N times V vectors, the sum over the box of dy times x at each of `pairs`.
    template <int V, int N> static void tile(const Task& task, const int64_t* pairs, S* sums) {
        constexpr int L = lanes<S>;
        Vector<S> sum[N][V];
        const Stored<M>* x[N];
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            x[n] = task.x + pairs[n];
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v) sum[n][v] = task.is_first ? Vector<S>{} : load(sums + (n * V + v) * L);
        }
        const auto add = [&](int64_t i, auto read) __attribute__((always_inline)) {
            const int64_t at = task.places[i];
            Vector<S> d[V];
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v) d[v] = load(task.dy + (i * V + v) * L);
#pragma GCC unroll 32
            for (int n = 0; n < N; ++n) {
                const Vector<S> factor = spread_word<M>(read(x[n] + at));
#pragma GCC unroll 32
                for (int v = 0; v < V; ++v) sum[n][v] = add_product<M>(sum[n][v], factor, d[v]);
            }
        };
        for (int64_t i = task.begin; i < task.end; ++i) add(i, whole);
        for (int64_t i = task.ends; i < task.last; ++i) add(i, half);
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
#pragma GCC unroll 32
            for (int v = 0; v < V; ++v) store(sums + (n * V + v) * L, sum[n][v]);
        }
    }
};

}  // namespace chainrule::LEVEL
