// Matrices in panels, the order in which the products read them (product.hpp); lanes beyond the last column are zero.
// K counts the words (factors.hpp) that a product sums over.
#pragma once

#include "../../../compiled/factors.hpp"

namespace chainrule::LEVEL {

template <class S> struct Rows {
    S* data;
    int64_t stride;
    S* operator[](int64_t r) const { return data + r * stride; }
    Rows from(int64_t r) const { return {(*this)[r], stride}; }
};

template <class S> int64_t vectors(int64_t columns) { return (columns + lanes<S> - 1) / lanes<S>; }

template <class S> int64_t panel_size(int64_t K, int gates = 1) { return (K + 1) * gates * lanes<S>; }

template <class S> int64_t panels_size(int64_t columns, int64_t K, int gates = 1) {
    return vectors<S>(columns) * panel_size<S>(K, gates);
}

// Word k of each of `count` rows of n numbers side by side, at to + k * between; zeros in the lanes that are left.
template <class M> void columns_of(const Number<M>* rows, int64_t n, int count, Number<M>* to, int64_t between) {
    using S = Number<M>;
    constexpr int L = lanes<S>;
    for (int64_t begin = 0; begin < n; begin += L * per_word<M>) {
        const int64_t numbers = n - begin < L * per_word<M> ? n - begin : L * per_word<M>;
        Vector<S> block[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
            block[i] = i < count ? factors<M>(rows + i * n + begin, numbers) : Vector<S>{};
        transpose<S>(block);
        for (int64_t k = 0; k < words<M>(numbers); ++k, to += between) store(to, block[k]);
    }
}

// For W a + b: W (gates * H, n), of which n numbers are K words. Panel u holds the units j of vector u, of every gate: first
// their bias, zero where there is none, then for each k word k of their rows.
template <class M, int gates> void panels_of(const Number<M>* W, const Number<M>* bias, int64_t H, int64_t n, Number<M>* packed) {
    using S = Number<M>;
    constexpr int L = lanes<S>;
    const int64_t K = words<M>(n);
    for (int64_t u = 0; u < vectors<S>(H); ++u, packed += panel_size<S>(K, gates)) {
        const int units = int(H - u * L < L ? H - u * L : L);
        for (int gate = 0; gate < gates; ++gate) {
            const int64_t row = gate * H + u * L;
            store(packed + gate * L, bias ? load(bias + row, units) : Vector<S>{});
            columns_of<M>(W + row * n, n, units, packed + (gates + gate) * L, gates * L);
        }
    }
}

// The products of W (gates * H, n) whose first gates come `early`: theirs, then those of the others.
template <class M, int gates, int early>
void panels_in_order(const Number<M>* W, const Number<M>* bias, int64_t H, int64_t n, Number<M>* packed) {
    if constexpr (early > 0) panels_of<M, early>(W, bias, H, n, packed);
    panels_of<M, gates - early>(W + early * H * n, bias ? bias + early * H : nullptr, H, n,
                                packed + panels_size<Number<M>>(H, words<M>(n), early));
}

// Rows of a matrix with `columns`, put one after another into the panels of a product over K words: word k of panel u is its
// vector u, of one row or of two. The bias is zero.
template <class M> struct RowPanels {
    using S = Number<M>;
    S* packed;
    int64_t columns, K;

    RowPanels(S* packed, int64_t columns, int64_t K) : packed(packed), columns(columns), K(K) {
        for (int64_t u = 0; u < vectors<S>(columns); ++u) store(packed + u * panel_size<S>(K), Vector<S>{});
    }
    // Of a word of one row, that; null for zeros.
    void put(int64_t k, const S* row, const S* next) const {
        constexpr int L = lanes<S>;
        const auto part = [&](const S* row, int64_t j) {
            return row ? load(row + j, columns - j < L ? int(columns - j) : L) : Vector<S>{};
        };
        S* to = packed + (k + 1) * L;
        for (int64_t j = 0; j < columns; j += L, to += panel_size<S>(K)) {
            if constexpr (rounds<M>) store(to, paired(part(row, j), part(next, j)));
            else store(to, part(row, j));
        }
    }
};

}  // namespace chainrule::LEVEL
