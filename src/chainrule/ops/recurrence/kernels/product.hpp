// The product of a few rows with the packed weights, in registers.
//
// The weights lie in panels (packing.hpp). A panel is what `gates` vectors of outputs need: the bias first, then for
// each k, one vector a gate, one after the other. A tile is R rows by U panels; its R * U * gates sums stay in registers for all k, each weight
// vector that is loaded serves R rows, and each number of a row, spread over a vector, serves U * gates sums.
#pragma once

#include <utility>

#include "vectors.hpp"

namespace chainrule::LEVEL {

// Rows and panels of a tile. The sums must fit the registers; a tile of one row has chains of its own (see below).
template <int gates> inline constexpr int most_rows = gates == 1 ? accumulators / 3 : accumulators / gates;
template <int gates> inline constexpr int most_panels(int rows) {
    const int fit = accumulators / (rows * gates);
    return fit < 1 ? 1 : fit > 4 ? 4 : fit;
}

// A whole number of tiles that differ by at most one: 4 panels are 2 + 2, not 3 + 1.
struct Split {
    int64_t count, pieces;
    Split(int64_t count, int64_t most) : count(count), pieces((count + most - 1) / most) {}
    int64_t begin(int64_t i) const { return count * i / pieces; }
};

// tile[r][u][gate] = w[u, bias, gate] + sum over k of a[r, k] w[u, k, gate], a vector each
//
// chains: how many partial sums a sum is made of. A single row in a batch has too few sums to fill the
// pipelines, so its k are dealt out to several. The number depends on the batch alone, never on how it is
// split, so that threads and tiles don't change a bit of the result.
template <class S, int gates, int R, int U, int chains>
void multiply(const S* a, int64_t lda, const S* w, int64_t K, S* tile) {
    constexpr int N = U * gates, L = lanes<S>;
    const int64_t panel = (K + 1) * gates * L;
    Vector<S> sums[chains][R][N] = {};
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) sums[0][r][n] = load(w + (n / gates) * panel + n % gates * L);
    }
    w += gates * L;
    const auto step = [&](Vector<S> (&sum)[R][N], int64_t k) __attribute__((always_inline)) {
        Vector<S> weights[N];
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) weights[n] = load(w + (n / gates) * panel + (k * gates + n % gates) * L);
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
            const Vector<S> x = spread(a[r * lda + k]);
#pragma GCC unroll 32
            for (int n = 0; n < N; ++n) sum[r][n] += x * weights[n];
        }
    };
    int64_t k = 0;
    for (; k + chains <= K; k += chains) {
#pragma GCC unroll 8
        for (int c = 0; c < chains; ++c) step(sums[c], k + c);
    }
    for (; k < K; ++k) step(sums[0], k);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            Vector<S> total = sums[0][r][n];
#pragma GCC unroll 8
            for (int c = 1; c < chains; ++c) total += sums[c][r][n];
            store(tile + (r * N + n) * L, total);
        }
    }
}

template <class S> using Multiply = void (*)(const S* a, int64_t lda, const S* w, int64_t K, S* tile);

// The product for a tile of `rows` by `panels`; `alone` where the batch is one row.
template <class S, int gates> class Products {
    static constexpr int rows_ = most_rows<gates>;
    Multiply<S> table_[rows_ + 1][5] = {}, alone_[5] = {};

    template <int R, int... U> void fill(std::integer_sequence<int, U...>) {
        ((table_[R][U + 1] = multiply<S, gates, R, U + 1, 1>), ...);
    }
    template <int... R> void fill_all(std::integer_sequence<int, R...>) {
        (fill<R + 1>(std::make_integer_sequence<int, most_panels<gates>(R + 1)>{}), ...);
    }
    template <int... U> void fill_alone(std::integer_sequence<int, U...>) {
        ((alone_[U + 1] = multiply<S, gates, 1, U + 1, 4>), ...);
    }

public:
    static constexpr int alone_panels = most_panels<gates>(4);
    Products() {
        fill_all(std::make_integer_sequence<int, rows_>{});
        fill_alone(std::make_integer_sequence<int, alone_panels>{});
    }
    Multiply<S> operator()(int64_t rows, int64_t panels, bool alone) const {
        return alone ? alone_[panels] : table_[rows][panels];
    }
    static int64_t panels(int64_t rows, bool alone) { return alone ? alone_panels : most_panels<gates>(int(rows)); }
};

}  // namespace chainrule::LEVEL
