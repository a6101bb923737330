// The forward pass: the gates' products with the inputs, then the scan.
#pragma once

#include "options.hpp"

namespace chainrule::LEVEL {

template <class C, class M> struct Forward : Pass<C, M> {
    using P = Pass<C, M>;
    using S = Number<M>;
    using P::call, P::B, P::H, P::G, P::early, P::products, P::stride, P::H_words, P::f_stride;

    // What W_hh multiplies are the factors f of h; without rounding, h itself.
    struct States {
        Rows<S> h, f;
        States shifted(int64_t by) const { return {{h.data + by, h.stride}, {f.data + by, f.stride}}; }
    };

    // What a thread's rows carry from step to step, and the weights that it reads.
    struct Carried {
        States even, odd;  // before and after a step, in turn
        S *c, *made;       // made: with options, the c that each row makes
        Rows<S> reset;     // what the last product multiplies, where gates come before it
        S* W;
    };

    Arena<S> arena;
    const Inputs<C, M> inputs;
    const int64_t W_size = panels_size<S>(H, H_words, G);
    S* const W;
    const Carried carried;
    const PerRow<S> scratch;

    explicit Forward(const Call& call)
        : P{call}, arena{this->numbers(call.workspace)}, inputs(call, arena, true),
          W(arena.take(B == 1 ? W_size : this->packed_size(W_size))),
          carried{.even = states(), .odd = states(), .c = rows(C::has_c, stride),
                  .made = rows(optioned<C> && C::has_c, stride), .reset = {rows(early, f_stride), f_stride}, .W = W},
          scratch(P::scratch(arena, !call.gates, false, 0, optioned<C> && !call.v_h ? B : 0)) {}

    S* rows(bool needed, int64_t stride) { return arena.take(needed ? this->rows_size(stride) : 0); }
    States states() {
        const Rows<S> h{rows(true, stride), stride};
        return {h, rounds<M> ? Rows<S>{rows(true, f_stride), f_stride} : h};
    }
    Carried carried_by(int64_t thread) const {
        const int64_t by = this->page_of(thread);
        return {carried.even.shifted(by), carried.odd.shifted(by), carried.c + by, carried.made + by,
                {carried.reset.data + by, carried.reset.stride}, this->of_thread(thread, W, W_size)};
    }

    void run() const {
        inputs.pack();
        if (B == 1 || !this->has_own(W_size)) this->pack_hidden(W);
        if (B == 1) {  // the threads share stage 1, and one scans
            const Carried own = carried_by(0);
            begin(own, Share(0, 1));
            for (int64_t s = 0; s < this->chunks(); ++s) {
                const Chunk<S> chunk = this->chunk(s, scratch);
                this->each_thread([&](int64_t thread) {
                    if (s == 0) inputs.pack(thread);
                    inputs(chunk, thread, Share(0, 1), Share(chunk.rows, thread, this->threads));
                });
                scan(chunk, own, 0, 1);
            }
            end(own, Share(0, 1));
        } else {
            this->each_thread([&](int64_t thread) {
                const Share share = this->rows_of(thread);
                const Carried own = carried_by(thread);
                inputs.pack(thread);
                if (this->has_own(W_size)) this->pack_hidden(own.W);
                begin(own, share);
                for (int64_t s = 0; s < this->chunks(); ++s) {
                    const Chunk<S> chunk = this->chunk(s, scratch);
                    inputs(chunk, thread, share);
                    for (int64_t b = share.begin; b < share.end; b += block_rows)
                        scan(chunk, own, b, share.end - b < block_rows ? share.end - b : block_rows);
                }
                end(own, share);
            });
        }
    }

    void begin(const Carried& own, Share share) const {
        for (int64_t b = share.begin; b < share.end; ++b) {
            start(own.even.h[b], call.h_0, b);
            if constexpr (rounds<M>) copy_factors<M>(own.even.f[b], own.even.h[b], H);
            if constexpr (C::has_c) start(own.c + b * stride, call.c_0, b);
        }
    }
    void start(S* row, const void* state, int64_t b) const {
        if (state) copy(row, this->numbers(state, b * H), H);
        else clear(row, H);
    }
    void end(const Carried& own, Share share) const {
        const States& last = this->T % 2 ? own.odd : own.even;
        for (int64_t b = share.begin; b < share.end; ++b) {
            copy(this->numbers(call.h_n, b * H), last.h[b], H);
            if constexpr (C::has_c) copy(this->numbers(call.c_n, b * H), own.c + b * stride, H);
        }
    }

    // The rows b0 <= b < b0 + rows through the steps of the chunk.
    void scan(const Chunk<S>& chunk, const Carried& own, int64_t b0, int64_t rows) const {
        for (int64_t s = 0; s < chunk.end - chunk.begin; ++s) {
            const int64_t t = call.reverse ? chunk.end - 1 - s : chunk.begin + s;
            const bool is_odd = (call.reverse ? this->T - 1 - t : t) % 2;
            const States &from = is_odd ? own.odd : own.even, &to = is_odd ? own.even : own.odd;
            if (B == 1) step<Way::alone>(chunk, own, t, b0, rows, from, to);
            else step<Way::plain>(chunk, own, t, b0, rows, from, to);
        }
    }

    struct AtRow {
        Row<S> row;
        S *h_start, *c_start, *y;
        bool live;
    };

    template <Way way>
    void step(const Chunk<S>& chunk, const Carried& own, int64_t t, int64_t b0, int64_t rows, const States& from,
              const States& to) const {
        S* const c = own.c;
        AtRow at_row[block_rows];
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t b = b0 + r, n = (t - chunk.begin) * B + b, kept = (t * B + b) * H;
            if (call.fresh(b, t)) {
                clear(from.h[b], H);
                if constexpr (rounds<M>) clear(from.f[b], H_words);
                if constexpr (C::has_c) clear(c + b * stride, H);
            }
            at_row[r] = {
                .row = {.gates = chunk.of.gates + n * G * H,
                        .q = this->numbers(chunk.of.q, n * H),
                        .keep = call.gates != nullptr},
                .h_start = this->numbers(call.h_start, kept),
                .c_start = this->numbers(call.c_start, kept),
                .y = this->at(call.y, b, t),
                .live = call.live(b, t),
            };
            if (!at_row[r].live && call.gates) {
                clear(at_row[r].row.gates, G * H);
                if constexpr (C::has_q) clear(at_row[r].row.q, H);
            }
        }
        if constexpr (optioned<C>) return step_with_options<way>(chunk, own, at_row, t, b0, rows, from, to);
        const auto use = [&](int64_t r, int64_t u, const Vector<S>* gh) {
            const auto& of = at_row[r];
            visit_units<S>(u, H, [&](auto at) {
                State<S> state{at.get(from.h[b0 + r]), {}};
                if constexpr (C::has_c) state.c = at.get(c + (b0 + r) * stride);
                if (of.h_start) {
                    at.put(of.h_start, of.live ? state.h : Vector<S>{});
                    if constexpr (C::has_c) at.put(of.c_start, state.c);
                }
                if (of.live) C::step(at, gh, state, of.row);
                at.put(of.y, of.live ? state.h : Vector<S>{});
                at.put(to.h[b0 + r], state.h);
                if constexpr (rounds<M>) at.template put_factors<M>(to.f[b0 + r], state.h);
                if constexpr (C::has_c) at.put(c + (b0 + r) * stride, state.c);
            });
        };
        const auto row = [&](int64_t r) { return at_row[r].live ? at_row[r].row : Row<S>{}; };
        this->template hidden<way>(own.W, from.h.from(b0), from.f.from(b0), rows, own.reset.from(b0), row, use);
    }

    // The same of a cell with options: first the product of all rows, then each row by itself.
    template <Way way>
    void step_with_options(const Chunk<S>& chunk, const Carried& own, const AtRow* at_row, int64_t t, int64_t b0,
                           int64_t rows, const States& from, const States& to) const {
        const int64_t n0 = (t - chunk.begin) * B + b0;
        const int64_t at_v = call.v_h ? n0 : b0;  // where it is not kept, there are the rows of one step
        S *v = chunk.of.v_h + at_v * G * H, *inverse = chunk.of.inverse_h + at_v * products;
        const OptionedRow<C, M> options(call);
        const auto live_row = [&](int64_t r) { return at_row[r].live ? at_row[r].row : Row<S>{}; };
        options.template hidden<way>(own.W, from.h.from(b0), from.f.from(b0), rows, own.reset.from(b0), live_row, v, inverse);
        for (int64_t r = 0; r < rows; ++r) {
            const auto& [row, h_start, c_start, y, live] = at_row[r];
            const int64_t b = b0 + r;
            S *h_row = from.h[b], *h_to = to.h[b], *c_row = own.c + b * stride;
            if (h_start && C::has_c) copy(c_start, c_row, H);
            if (live) {
                if (h_start) copy(h_start, h_row, H);
                options.forward(b, t, row, v + r * G * H, inverse + r * products, h_row, c_row, own.made + b * stride, h_to,
                                c_row);
                copy(y, h_to, H);
            } else {
                if (h_start) clear(h_start, H);
                copy(h_to, h_row, H);
                clear(y, H);
                clear(inverse + r * products, products);  // so that all of what is kept has been written
            }
            if constexpr (rounds<M>) copy_factors<M>(to.f[b], h_to, H);
        }
    }
};

}  // namespace chainrule::LEVEL
