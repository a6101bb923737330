// The steps of a stream: at each of them, a stack of layers from the first to the last.
//
// The forward pass makes gx for a chunk of steps at once. A stream has only the steps that have come, so x_t
// meets W_ih here, in panels like those of W_hh, packed once. Every step is computed alone, in the same order of sums: a
// sequence gives the same bits however it is cut into calls.
#pragma once

#include "call.hpp"
#include "cells.hpp"
#include "product.hpp"

namespace chainrule::LEVEL {

template <class C, class M> struct Stream {
    using S = Number<M>;
    static constexpr int gates = C::gates;
    const StreamCall& call;
    const int64_t B = call.B, H = call.H;
    const int64_t padded = vectors<S>(H) * lanes<S>;

    // The panels of W_ih, then those of W_hh.
    static int64_t panels_ih(int64_t I, int64_t H) { return panels_size<S>(H, words<M>(I), gates); }
    static int64_t packed_layer_size(int64_t I, int64_t H) { return panels_ih(I, H) + panels_ih(H, H); }

    int64_t workspace_size() const { return B * (gates * padded + H) + factors_size(); }
    int64_t factors_size() const { return rounds<M> ? B * words<M>(call.I > H ? call.I : H) : 0; }

    // `width` numbers of each row as factors; where nothing is rounded, as they lie.
    Rows<S> factors(const S* rows, int64_t between, int64_t width) const {
        if constexpr (!rounds<M>) return {const_cast<S*>(rows), between};
        const Rows<S> to{static_cast<S*>(call.workspace) + B * (gates * padded + H), words<M>(width)};
        for (int64_t b = 0; b < B; ++b) copy_factors<M>(to[b], rows + b * between, width);
        return to;
    }

    void run() const {
        for (int64_t t = 0; t < call.T; ++t) {
            const S* x = static_cast<const S*>(call.x) + t * call.step * call.I;
            int64_t I = call.I, ldx = call.row * I;
            const S* W = static_cast<const S*>(call.W);
            for (int64_t layer = 0; layer < call.layers; ++layer) {
                S* h = static_cast<S*>(call.h) + layer * B * H;
                S* c = C::has_c ? static_cast<S*>(call.c) + layer * B * H : nullptr;
                if (B == 1) step<Way::alone>(x, ldx, I, W, h, c);
                else step<Way::plain>(x, ldx, I, W, h, c);
                W += packed_layer_size(I, H);
                x = h, ldx = I = H;
            }
            S* y = static_cast<S*>(call.y) + t * call.step * H;
            for (int64_t b = 0; b < B; ++b) std::memcpy(y + b * call.row * H, x + b * H, size_t(H) * sizeof(S));
        }
    }

    // One step of one layer: x (B, I), its rows ldx apart; h and c (B, H) before and after it.
    template <Way way> void step(const S* x, int64_t ldx, int64_t I, const S* W, S* h, S* c) const {
        S *gx = static_cast<S*>(call.workspace), *h_new = gx + B * gates * padded;
        const Rows<S> f = factors(x, ldx, I);
        multiply<M, gates, way>(f.data, f.stride, B, W, H, words<M>(I), [&](int64_t r, int64_t u, const Vector<S>* product) {
            for (int gate = 0; gate < gates; ++gate) of_gates(u).put(row(gx, r).gates, product[gate], gate);
        });
        W += panels_ih(I, H);
        if constexpr (C::early > 0) reset_step<way>(W, h, gx, h_new);
        else plain_step<way>(W, h, c, gx, h_new);
    }

    template <Way way> void plain_step(const S* W, S* h, S* c, S* gx, S* h_new) const {
        const Rows<S> f = factors(h, H, H);
        multiply<M, gates, way>(f.data, f.stride, B, W, H, words<M>(H), [&](int64_t r, int64_t u, const Vector<S>* gh) {
            visit_units<S>(u, H, [&](auto at) {
                State<S> state{at.get(h + r * H), {}};
                if constexpr (C::has_c) state.c = at.get(c + r * H);
                C::step(of_gates(u), gh, state, row(gx, r));
                at.put(h_new + r * H, state.h);
                if constexpr (C::has_c) at.put(c + r * H, state.c);
            });
        });
        std::memcpy(h, h_new, size_t(B * H) * sizeof(S));
    }

    // Of a cell with early gates: s (B, H) is scratch, which the last product multiplies.
    template <Way way> void reset_step(const S* W, S* h, S* gx, S* s) const {
        const Rows<S> f = factors(h, H, H), s_rows{s, words<M>(H)};
        multiply<M, C::early, way>(f.data, f.stride, B, W, H, words<M>(H), [&](int64_t r, int64_t u, const Vector<S>* gh) {
            visit_units<S>(u, H, [&](auto at) {
                at.template put_factors<M>(s_rows[r], C::reset(of_gates(u), gh, at.get(h + r * H), row(gx, r)));
            });
        });
        W += panels_size<S>(H, words<M>(H), C::early);
        multiply<M, gates - C::early, way>(s, s_rows.stride, B, W, H, words<M>(H), [&](int64_t r, int64_t u, const Vector<S>* gh) {
            visit_units<S>(u, H, [&](auto at) {
                State<S> state{at.get(h + r * H), {}};
                C::step(of_gates(u), gh, state, row(gx, r));
                at.put(h + r * H, state.h);
            });
        });
    }

    // Where a row of gx has its vector u: it is padded to whole vectors.
    Units<true> of_gates(int64_t u) const { return {padded, u * lanes<S>, lanes<S>}; }
    Row<S> row(S* gx, int64_t r) const { return {gx + r * gates * padded, nullptr, false}; }
};

}  // namespace chainrule::LEVEL
