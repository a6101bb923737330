// The product of rows with panels (packing.hpp), in registers. Both hold words of factors (factors.hpp), and K counts words.
//
// A panel is what `gates` vectors of outputs need: the bias first, then for each k, one vector a gate, one after the
// other. A tile is R rows by U panels; its R * U * gates sums stay in registers for all k, each vector of the panels
// that is loaded serves R rows, and each word of a row, spread over a vector, serves U * gates sums.
#pragma once

#include <algorithm>
#include <utility>

#include "packing.hpp"

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

// How a product goes. Plain: row r of a is at a + r * lda. Down: a is read by columns, its word k of row r is at
// a[k * lda + r]. Alone: there is one row in the whole batch.
enum class Way { plain, down, alone };

// tile[r][u][gate] = w[u, bias, gate] + sum over k of a[r, k] w[u, k, gate], a vector each
//
// chains: how many partial sums a sum is made of. A single row in a batch has too few sums to fill the
// pipelines, so its k are dealt out to several, as the registers allow. The number depends on the batch and the cell
// alone, never on how it is split, so that threads and tiles don't change a bit of the result.
template <class M, int gates, int R, int U, Way way, class S = Number<M>>
void multiply_tile(const S* a, int64_t lda, const S* w, int64_t K, S* tile) {
    constexpr int N = U * gates, L = lanes<S>, chains = way == Way::alone ? std::min(4, accumulators / gates) : 1;
    const int64_t panel = panel_size<S>(K, gates);
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
            const Vector<S> x = spread_word<M>(way == Way::down ? a[k * lda + r] : a[r * lda + k]);
#pragma GCC unroll 32
            for (int n = 0; n < N; ++n) sum[r][n] = add_product<M>(sum[r][n], x, weights[n]);
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

template <class S> using MultiplyTile = void (*)(const S* a, int64_t lda, const S* w, int64_t K, S* tile);

// The code for a tile of each number of rows and panels.
template <class M, int gates, Way way> struct Tiles {
    static constexpr int rows = way == Way::alone ? 1 : most_rows<gates>;
    MultiplyTile<Number<M>> of[rows + 1][5] = {};

    static constexpr int panels(int64_t rows) { return most_panels<gates>(way == Way::alone ? 4 : int(rows)); }
    constexpr Tiles() { fill_rows(std::make_integer_sequence<int, rows>{}); }

private:
    template <int R, int... U> constexpr void fill(std::integer_sequence<int, U...>) {
        ((of[R][U + 1] = multiply_tile<M, gates, R, U + 1, way>), ...);
    }
    template <int... R> constexpr void fill_rows(std::integer_sequence<int, R...>) {
        (fill<R + 1>(std::make_integer_sequence<int, panels(R + 1)>{}), ...);
    }
};

// Multiply `rows` rows of `a` with the panels of `columns` outputs a gate; call use(row, panel, sums) with each vector
// of each gate. Each panel meets all rows before the next one is read.
template <class M, int gates, Way way = Way::plain, class Use, class S = Number<M>>
void multiply(const S* a, int64_t lda, int64_t rows, const S* w, int64_t columns, int64_t K, Use use) {
    static constexpr Tiles<M, gates, way> tiles{};
    if (rows == 0) return;
    const Split by_rows(rows, tiles.rows);
    const Split by_panels(vectors<S>(columns), tiles.panels((rows + by_rows.pieces - 1) / by_rows.pieces));
    alignas(width) S tile[5 * accumulators * lanes<S>];
    for (int64_t p = 0; p < by_panels.pieces; ++p) {
        const int64_t u0 = by_panels.begin(p), us = by_panels.begin(p + 1) - u0;
        for (int64_t i = 0; i < by_rows.pieces; ++i) {
            const int64_t r0 = by_rows.begin(i), rs = by_rows.begin(i + 1) - r0;
            const S* rows_of_tile = way == Way::down ? a + r0 : a + r0 * lda;
            tiles.of[rs][us](rows_of_tile, lda, w + u0 * panel_size<S>(K, gates), K, tile);
            const S* sums = tile;
            for (int64_t r = r0; r < r0 + rs; ++r)
                for (int64_t u = u0; u < u0 + us; ++u, sums += gates * lanes<S>)
                    use(r, u, reinterpret_cast<const Vector<S>*>(sums));
        }
    }
}

}  // namespace chainrule::LEVEL
