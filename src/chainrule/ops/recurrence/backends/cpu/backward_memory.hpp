// What the backward pass lays out in its workspace, and the weights as it reads them.
#pragma once

#include "options_backward.hpp"

namespace chainrule::LEVEL {

// Gradients as the products read them that sum over gates, and those that sum over rows: the latter have a word for the
// rows that make one. Without rounding both are the gradients themselves.
template <class S> struct Summed {
    Rows<S> by_row, by_column;
};

template <class C, class M> struct BackwardMemory : Pass<C, M> {
    using P = Pass<C, M>;
    using S = Number<M>;
    using P::call, P::B, P::I, P::H, P::G, P::early, P::late, P::products, P::stride, P::H_words, P::B_words;
    const int64_t wide = padded(C::wide * H), wide_words = rounds<M> ? padded(C::wide * H_words) : wide;  // of a row of d
    const int64_t most_words = this->chunk_steps * B_words;
    const bool normalises = optioned<C> && this->call.g_hh;
    using Sums = RowSums<C, S>;
    const int64_t sums_size = Sums::size(normalises) * H, sums_rows = B > 0 ? B : 1;
    const int64_t again = optioned<C> && !this->call.gates ? this->most_rows : 0;  // rows of which v is made anew
    const int64_t d_rows = normalises ? B : this->most_rows;  // that d has: where d_x and d_h follow from it, of one step

    Arena<S> arena;
    const bool recomputes = !this->call.gates;  // the gates were not kept
    S *const W_hh, *const W_ih, *const dh, *const dc, *const d, *const x, *const h;
    const Inputs<C, M> inputs;
    S* const W_forward;
    const Rows<S> h_again;  // the factors of h_start, from which the gates are made again
    const PerRow<S> scratch;
    S *const d_x, *const d_h;  // as d: the gradients of the products, where they are normalised
    const Summed<S> dg, dg_x, dg_h;  // of d, d_x and d_h, those that there are
    S *const made, *const dv, *const sums;  // of the options
    S *const W_early, *const reset, *const s_panels;  // where gates come early: their rows of W_hh, s of the chunk's rows

    // What the products of the weights' gradients sum over: x, h_start and s of the chunk's rows.
    struct Operands {
        RowPanels<M> x, h, s;
    };

    explicit BackwardMemory(const Call& call)
        : P{call, rows_wanted(call)}, arena{this->numbers(call.workspace)},
          W_hh(arena.take(panels_size<S>(H, late * H_words))),
          W_ih(arena.take(call.dx.data ? panels_size<S>(I, G * H_words) : 0)), dh(arena.take(B * stride)),
          dc(arena.take(C::has_c ? B * stride : 0)), d(arena.take(d_rows * wide)),
          x(arena.take(call.dW_ih ? panels_size<S>(I, most_words) : 0)),
          h(arena.take(call.dW_hh ? panels_size<S>(H, most_words) : 0)), inputs(call, arena, recomputes),
          W_forward(arena.take(recomputes ? panels_size<S>(H, H_words, G) : 0)),
          h_again{arena.take(recomputes && rounds<M> ? this->most_rows * H_words : 0), H_words},
          scratch(P::scratch(arena, recomputes, recomputes && C::has_q, again, again)),
          d_x(arena.take(normalises ? this->most_rows * wide : 0)),
          d_h(arena.take(normalises ? this->most_rows * wide : 0)), dg(summed(d, !normalises)),
          dg_x(summed(d_x, normalises)), dg_h(summed(d_h, normalises)),
          made(arena.take(optioned<C> ? B * stride : 0)), dv(arena.take(optioned<C> ? B * stride : 0)),
          sums(arena.take(optioned<C> ? sums_rows * sums_size : 0)),
          W_early(arena.take(early ? panels_size<S>(H, early * H_words) : 0)),
          reset(arena.take(early ? this->most_rows * H : 0)),
          s_panels(arena.take(early && call.dW_hh ? panels_size<S>(H, most_words) : 0)) {}

    static int64_t padded(int64_t width) { return (vectors<S>(width) + 1) * lanes<S>; }
    Summed<S> summed(S* of, bool needed) {
        if constexpr (!rounds<M>) return {{of, wide}, {of, wide}};
        else return {{arena.take(needed ? this->most_rows * wide_words : 0), wide_words},
                     {arena.take(needed ? most_words * wide : 0), wide}};
    }

    // Chunks as large as the cache that is shared may hold of d: the fewer there are, the fewer times threads meet.
    static int64_t rows_wanted(const Call& call) {
        const int64_t rows = (int64_t(1) << 20) / (C::wide * call.H);
        return rows < chunk_rows ? chunk_rows : rows > 4 * chunk_rows ? 4 * chunk_rows : rows;
    }
    // The gradients of gx and gh of row n of the chunk.
    S* d_of(int64_t n) const { return d + (optioned<C> ? n % d_rows : n) * wide; }
    int64_t words_of(const Chunk<S>& chunk) const { return (chunk.end - chunk.begin) * B_words; }

    // Backward, the weights are used transposed: their rows are what is summed over, in the order of d.
    void pack() const {
        const S *of_h = this->numbers(call.W_hh), *of_x = this->numbers(call.W_ih);
        const RowPanels<M> by_early(W_early, early ? H : 0, early * H_words), by_h(W_hh, H, late * H_words);
        for (int gate = 0; gate < early; ++gate) put_gate(by_early, gate, of_h + gate * H * H, H);
        for (int gate = early; gate < G; ++gate) put_gate(by_h, gate - early, of_h + C::dgh_gate(gate) * H * H, H);
        if (call.dx.data) {
            const RowPanels<M> by_x(W_ih, I, G * H_words);
            for (int gate = 0; gate < G; ++gate) put_gate(by_x, gate, of_x + gate * H * I, I);
        }
        if (!recomputes) return;
        inputs.pack();
        this->each_thread([&](int64_t thread) { inputs.pack(thread); });
        this->pack_hidden(W_forward);
    }
    void put_gate(const RowPanels<M>& panels, int at, const S* rows, int64_t width) const {
        for (int64_t j = 0, k = at * H_words; j < H; j += per_word<M>, ++k)
            panels.put(k, rows + j * width, j + 1 < H ? rows + (j + 1) * width : nullptr);
    }

    // The gradients of W_ih x and of W_hh h: those of gx and gh, but for layer normalisation.
    const Summed<S>& summed_h() const { return normalises ? dg_h : dg; }
    Summed<S> summed_x() const {
        if (normalises) return dg_x;
        return {{dg.by_row.data + C::dgx * H_words, dg.by_row.stride}, {dg.by_column.data + C::dgx * H, wide}};
    }
};

}  // namespace chainrule::LEVEL
