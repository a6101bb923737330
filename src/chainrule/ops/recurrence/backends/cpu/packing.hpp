// Matrices in panels, the order in which the products read them (product.hpp); lanes beyond the last column are zero.
#pragma once

#include "../../../compiled/vectors.hpp"

namespace chainrule::LEVEL {

template <class S> int64_t vectors(int64_t columns) { return (columns + lanes<S> - 1) / lanes<S>; }

template <class S> int64_t panel_size(int64_t K, int gates = 1) { return (K + 1) * gates * lanes<S>; }

template <class S> int64_t panels_size(int64_t columns, int64_t K, int gates = 1) {
    return vectors<S>(columns) * panel_size<S>(K, gates);
}

// For W a + b: W (gates * H, K). Panel u holds the units j of vector u, of every gate: first their bias, zero where
// there is none, then for each k column k of their rows.
template <class S, int gates> void panels_of(const S* W, const S* bias, int64_t H, int64_t K, S* packed) {
    constexpr int L = lanes<S>;
    for (int64_t u = 0; u < vectors<S>(H); ++u, packed += panel_size<S>(K, gates)) {
        const int n = int(H - u * L < L ? H - u * L : L);
        for (int gate = 0; gate < gates; ++gate) {
            const int64_t row = gate * H + u * L;
            store(packed + gate * L, bias ? load(bias + row, n) : Vector<S>{});
            for (int64_t k = 0; k < K; ++k) {
                S* to = packed + ((k + 1) * gates + gate) * L;
                for (int i = 0; i < n; ++i) to[i] = W[(row + i) * K + k];
                for (int i = n; i < L; ++i) to[i] = 0;
            }
        }
    }
}

// For the products of W (gates * H, K) whose first gates come `early`: theirs, then those of the others.
template <class S, int gates, int early>
void panels_in_order(const S* W, const S* bias, int64_t H, int64_t K, S* packed) {
    if constexpr (early > 0) panels_of<S, early>(W, bias, H, K, packed);
    panels_of<S, gates - early>(W + early * H * K, bias ? bias + early * H : nullptr, H, K,
                                packed + panels_size<S>(H, K, early));
}

// The rows of a matrix with `columns`, put one after another into the panels of a product of K rows: row k of panel u
// is its vector u. The bias is zero.
template <class S> struct RowPanels {
    S* packed;
    int64_t columns, K;

    RowPanels(S* packed, int64_t columns, int64_t K) : packed(packed), columns(columns), K(K) {
        for (int64_t u = 0; u < vectors<S>(columns); ++u) store(packed + u * panel_size<S>(K), Vector<S>{});
    }
    void put(int64_t k, const S* row) const {  // null for zeros
        constexpr int L = lanes<S>;
        S* to = packed + (k + 1) * L;
        for (int64_t j = 0; j < columns; j += L, to += panel_size<S>(K))
            store(to, row ? load(row + j, columns - j < L ? int(columns - j) : L) : Vector<S>{});
    }
};

}  // namespace chainrule::LEVEL
