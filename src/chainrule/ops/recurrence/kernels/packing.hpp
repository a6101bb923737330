// W_hh in panels, the order in which the products read it (product.hpp); lanes beyond H are zero.
#pragma once

#include "vectors.hpp"

namespace chainrule::LEVEL {

template <class S> int64_t vectors(int64_t H) { return (H + lanes<S> - 1) / lanes<S>; }

template <class S> int64_t panel_size(int64_t K, int gates) { return (K + 1) * gates * lanes<S>; }

// Forward, gh = W_hh h + b_hh: panel u holds the units j of vector u, of every gate: first their bias, zero where there
// is none, then for each k column k of their rows. A transposition, done in squares of a vector's width.
template <class S, int gates> void panels_forward(int64_t H, const S* W, const S* bias, S* packed) {
    constexpr int L = lanes<S>;
    for (int64_t u = 0; u < vectors<S>(H); ++u, packed += panel_size<S>(H, gates)) {
        const int n = int(H - u * L < L ? H - u * L : L);
        for (int gate = 0; gate < gates; ++gate) {
            const int64_t row = gate * H + u * L;
            store(packed + gate * L, bias ? load(bias + row, n) : Vector<S>{});
            for (int64_t k0 = 0; k0 < H; k0 += L) {
                for (int64_t k = k0; k < H && k < k0 + L; ++k) {
                    S* to = packed + ((k + 1) * gates + gate) * L;
                    for (int i = 0; i < n; ++i) to[i] = W[(row + i) * H + k];
                    for (int i = n; i < L; ++i) to[i] = 0;
                }
            }
        }
    }
}

// Backward, dh_{t-1} = W_hh^T dgh: panel u holds, for each k of the G rows, its columns j of vector u. No bias.
template <class S, int gates> void panels_backward(int64_t H, const S* W, S* packed) {
    constexpr int L = lanes<S>;
    for (int64_t u = 0; u < vectors<S>(H); ++u) {
        const int n = int(H - u * L < L ? H - u * L : L);
        store(packed, Vector<S>{});
        packed += L;
        for (int64_t k = 0; k < gates * H; ++k, packed += L) store(packed, load(W + k * H + u * L, n));
    }
}

}  // namespace chainrule::LEVEL
