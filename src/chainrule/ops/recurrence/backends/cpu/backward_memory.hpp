// What the backward pass lays out in its workspace, and the weights as it reads them.
#pragma once

#include "options_backward.hpp"

namespace chainrule::LEVEL {

template <class C, class S> struct BackwardMemory : Pass<C, S> {
    using P = Pass<C, S>;
    using P::call, P::B, P::I, P::H, P::G, P::early, P::late, P::products, P::stride;
    const int64_t sums_size = RowSums<S>::size * H, sums_rows = B > 0 ? B : 1;
    const int64_t wide = (vectors<S>(C::wide * H) + 1) * lanes<S>;  // of a row of d

    Arena<S> arena;
    const bool recomputes = !this->call.gates;  // the gates were not kept
    S *const W_hh, *const W_ih, *const dh, *const dc, *const d, *const x, *const h;
    const Inputs<C, S> inputs;
    S* const W_forward;
    const PerRow<S> scratch;
    S *const d_x, *const d_h;  // as d: the gradients of the products, where they are normalised
    S *const made, *const dv, *const sums;  // of the options
    S *const W_early, *const reset, *const s_panels;  // where gates come early: their rows of W_hh, s of the chunk's rows

    // What the products of the weights' gradients sum over: x, h_start and s of the chunk's rows.
    struct Operands {
        RowPanels<S> x, h, s;
    };

    explicit BackwardMemory(const Call& call)
        : P{call, rows_of(call)}, arena{this->numbers(call.workspace)}, W_hh(arena.take(panels_size<S>(H, late * H))),
          W_ih(arena.take(call.dx.data ? panels_size<S>(I, G * H) : 0)), dh(arena.take(B * stride)),
          dc(arena.take(C::has_c ? B * stride : 0)), d(arena.take(this->most_rows * wide)),
          x(arena.take(call.dW_ih ? panels_size<S>(I, this->most_rows) : 0)),
          h(arena.take(call.dW_hh ? panels_size<S>(H, this->most_rows) : 0)), inputs(call, arena, recomputes),
          W_forward(arena.take(recomputes ? panels_size<S>(H, H, G) : 0)),
          scratch(P::scratch(arena, recomputes, recomputes && C::has_q, recomputes && optioned<C>)),
          d_x(arena.take(optioned<C> && call.g_ih ? this->most_rows * wide : 0)),
          d_h(arena.take(optioned<C> && call.g_hh ? this->most_rows * wide : 0)),
          made(arena.take(optioned<C> ? B * stride : 0)), dv(arena.take(optioned<C> ? B * stride : 0)),
          sums(arena.take(optioned<C> ? sums_rows * sums_size : 0)),
          W_early(arena.take(early ? panels_size<S>(H, early * H) : 0)),
          reset(arena.take(early ? this->most_rows * H : 0)),
          s_panels(arena.take(early && call.dW_hh ? panels_size<S>(H, this->most_rows) : 0)) {}

    // Chunks as large as the cache that is shared may hold of d: the fewer there are, the fewer times threads meet. Beside
    // d_x, d_h and v, which one pass writes and the next reads, d has to stay in a thread's own.
    static int64_t rows_of(const Call& call) {
        const int64_t held = int64_t(1) << (call.g_hh ? 17 : 20);
        const int64_t rows = held / (C::wide * call.H);
        return rows < chunk_rows ? chunk_rows : rows > 4 * chunk_rows ? 4 * chunk_rows : rows;
    }

    // Backward, the weights are used transposed: their rows are what is summed over, in the order of d.
    void pack() const {
        const S *of_h = this->numbers(call.W_hh), *of_x = this->numbers(call.W_ih);
        const RowPanels<S> by_early(W_early, early ? H : 0, early * H), by_h(W_hh, H, late * H);
        for (int64_t k = 0; k < early * H; ++k) by_early.put(k, of_h + k * H);
        for (int64_t k = early * H; k < G * H; ++k)
            by_h.put(k - early * H, of_h + (C::dgh_gate(int(k / H)) * H + k % H) * H);
        if (call.dx.data) {
            const RowPanels<S> by_x(W_ih, I, G * H);
            for (int64_t k = 0; k < G * H; ++k) by_x.put(k, of_x + k * I);
        }
        if (!recomputes) return;
        inputs.pack();
        this->pack_hidden(W_forward);
    }

    // The gradients of W_ih x and of W_hh h: those of gx and gh, but for layer normalisation.
    const S* of_x() const { return optioned<C> && call.g_ih ? d_x : d + C::dgx * H; }
    const S* of_h() const { return optioned<C> && call.g_hh ? d_h : d; }
};

}  // namespace chainrule::LEVEL
