// The backward pass: the scan in reverse, then the products that make the gradients of the weights and inputs.
#pragma once

#include "ahead.hpp"
#include "product_gradients.hpp"

namespace chainrule::LEVEL {

template <class C, class M> struct Backward : ProductGradients<C, M> {
    using Memory = BackwardMemory<C, M>;
    using S = Number<M>;
    using Memory::call, Memory::B, Memory::I, Memory::H, Memory::G, Memory::early, Memory::late, Memory::products;
    using Memory::stride, Memory::wide, Memory::sums_size, Memory::sums_rows, Memory::recomputes, Memory::scratch;
    using Memory::H_words, Memory::B_words, Memory::normalises, Memory::dg, Memory::dg_x, Memory::dg_h;
    using Memory::d, Memory::d_x, Memory::d_h, Memory::dh, Memory::dc, Memory::x, Memory::h, Memory::s_panels;
    using Memory::W_hh, Memory::W_early, Memory::reset, Memory::made, Memory::dv, Memory::sums, Memory::summed_h;
    using Operands = typename Memory::Operands;
    using ProductGradients<C, M>::ProductGradients;

    void run() const {
        this->pack();
        if constexpr (optioned<C>) clear(sums, sums_rows * sums_size);
        for (int64_t b = 0; b < B; ++b) {
            begin(dh + b * stride, this->numbers(call.dh_n, b * H));
            if constexpr (C::has_c) begin(dc + b * stride, this->numbers(call.dc_n, b * H));
        }
        for (int64_t s = this->chunks() - 1; s >= 0; --s) {
            const Chunk<S> chunk = this->chunk(s, scratch);
            const int64_t K = this->words_of(chunk);
            const Operands operands{
                .x = {x, call.dW_ih ? I : 0, K},
                .h = {h, call.dW_hh ? H : 0, K},
                .s = {s_panels, early && call.dW_hh ? H : 0, K},
            };
            this->each_thread([&](int64_t thread) {
                const Share share = this->rows_of(thread);
                if (recomputes) this->gates_again(chunk, thread, share);
                for (int64_t b = share.begin; b < share.end; b += block_rows)
                    scan(chunk, operands, b, share.end - b < block_rows ? share.end - b : block_rows);
            });
            this->each_thread([&](int64_t thread) {
                if (call.dx.data) this->inputs_backward(chunk, Share(chunk.rows, thread, this->threads));
                this->weights_backward(chunk, Share(H, thread, this->threads), s == this->chunks() - 1);
            });
        }
        for (int64_t b = 0; b < B; ++b) {
            if (call.dh_0) copy(this->numbers(call.dh_0, b * H), dh + b * stride, H);
            if (C::has_c && call.dc_0) copy(this->numbers(call.dc_0, b * H), dc + b * stride, H);
        }
        if constexpr (optioned<C>) add_up();
    }

    void begin(S* state, const S* gradient) const {
        if (gradient) copy(state, gradient, H);
        else clear(state, H);
    }

    void scan(const Chunk<S>& chunk, const Operands& operands, int64_t b0, int64_t rows) const {
        if (B == 1) scan<Way::alone>(chunk, operands, b0, rows);
        else scan<Way::plain>(chunk, operands, b0, rows);
    }

    template <Way way> void scan(const Chunk<S>& chunk, const Operands& operands, int64_t b0, int64_t rows) const {
        for (int64_t step = 0; step < chunk.end - chunk.begin; ++step) {
            const int64_t t = call.reverse ? chunk.begin + step : chunk.end - 1 - step, n0 = (t - chunk.begin) * B;
            for (int64_t b = b0; b < b0 + rows; ++b) {
                cell_backward(chunk, t, b, {*this, chunk, t, b, b0, rows});
                round_late(n0 + b);
            }
            if constexpr (early > 0) reset_backward<way>(chunk, operands, t, b0, rows);
            for (int64_t b = b0; b < b0 + rows; b += per_word<M>) {
                const bool pair = b + 1 < b0 + rows;  // where two rows make a word
                const auto h_start = [&](int64_t b) { return this->numbers(call.h_start, (t * B + b) * H); };
                operands.x.put(word_at(chunk, t, b), this->input(b, t), pair ? this->input(b + 1, t) : nullptr);
                operands.h.put(word_at(chunk, t, b), h_start(b), pair ? h_start(b + 1) : nullptr);
                pair_columns(n0 + b, word_at(chunk, t, b), pair);
            }
            const Rows<S> dgh = summed_h().by_row.from(n0 + b0);
            multiply<M, 1, way>(dgh.data, dgh.stride, rows, early ? W_early : W_hh, H, (early ? early : G) * H_words,
                                [&](int64_t r, int64_t u, const Vector<S>* product) {
                S* dh_row = dh + (b0 + r) * stride;
                const bool fresh = call.fresh(b0 + r, t);
                visit_units<S>(u, H, [&](auto at) {
                    at.put(dh_row, fresh ? Vector<S>{} : at.get(dh_row) + *product);
                    if constexpr (C::has_c) {
                        if (fresh) at.put(dc + (b0 + r) * stride, Vector<S>{});
                    }
                });
            });
        }
    }

    // The last product's backward step, ds, and what comes through s: the early gates' gradients, and a part of dh.
    template <Way way>
    void reset_backward(const Chunk<S>& chunk, const Operands& operands, int64_t t, int64_t b0, int64_t rows) const {
        const int64_t n0 = (t - chunk.begin) * B + b0;
        const auto row = [&](int64_t r) { return Row<S>{chunk.of.gates + (n0 + r) * G * H, nullptr, true}; };
        const Rows<S> dgh = summed_h().by_row.from(n0);
        multiply<M, 1, way>(dgh.data + early * H_words, dgh.stride, rows, W_hh, H, late * H_words,
                            [&](int64_t r, int64_t u, const Vector<S>* ds) {
            if (!call.live(b0 + r, t)) return;
            const S* h_start = this->numbers(call.h_start, (t * B + b0 + r) * H);
            S* dh_row = dh + (b0 + r) * stride;
            visit_units<S>(u, H, [&](auto at) {
                const Vector<S> through = C::reset_backward(at, *ds, at.get(h_start), row(r), this->d_of(n0 + r));
                at.put(dh_row, at.get(dh_row) + through);
            });
        });
        const auto s_of = [&](int64_t r) -> const S* {
            if (!call.live(b0 + r, t)) return nullptr;
            const S *h_start = this->numbers(call.h_start, (t * B + b0 + r) * H), *gates = row(r).gates;
            S* to = reset + (n0 + r) * H;
            for (int64_t j = 0; j < H; ++j) to[j] = gates[j] * h_start[j];
            return to;
        };
        for (int64_t r = 0; r < rows; ++r) {
            if constexpr (optioned<C>) {
                if (call.live(b0 + r, t)) OptionedRowBackward<C, M>(call).reset_backward(of_row(chunk, t, b0 + r), sums_of(b0 + r));
            }
            round_early(n0 + r);
        }
        for (int64_t r = 0; call.dW_hh && r < rows; r += per_word<M>)
            operands.s.put(word_at(chunk, t, b0 + r), s_of(r), r + 1 < rows && rounds<M> ? s_of(r + 1) : nullptr);
    }

    int64_t word_at(const Chunk<S>& chunk, int64_t t, int64_t b) const {
        return (t - chunk.begin) * B_words + b / per_word<M>;
    }

    // Row n of the gradients as factors: what there is before `reset_backward`, and what it adds.
    void round_late(int64_t n) const {
        if constexpr (!rounds<M>) return;
        if (!normalises) return round(dg, d, n, early, C::wide);
        round(dg_h, d_h, n, early, G);
        if (!early) round(dg_x, d_x, n, 0, G);
    }
    void round_early(int64_t n) const {
        if constexpr (!rounds<M>) return;
        round(summed_h(), normalises ? d_h : d, n, 0, early);
        if (normalises) round(dg_x, d_x, n, 0, G);
    }
    void round(const Summed<S>& to, const S* from, int64_t n, int begin, int end) const {
        for (int k = begin; k < end; ++k) copy_factors<M>(to.by_row[n] + k * H_words, from + n * wide + k * H, H);
    }

    // Rows n and n + 1 of the gradients, or n alone, to word k of each column.
    void pair_columns(int64_t n, int64_t k, bool pair) const {
        if constexpr (!rounds<M>) return;
        if (!normalises) return this->pair(dg, d, n, k, pair, C::wide * H);
        this->pair(dg_h, d_h, n, k, pair, G * H);
        this->pair(dg_x, d_x, n, k, pair, G * H);
    }
    void pair(const Summed<S>& to, const S* from, int64_t n, int64_t k, bool pair, int64_t width) const {
        if constexpr (rounds<M>) {
            const S *row = from + n * wide, *next = row + wide;
            each_vector<S>(width, [&](int, int64_t j, int m) __attribute__((always_inline)) {
                store(to.by_column[k] + j, paired(load(row + j, m), pair ? load(next + j, m) : Vector<S>{}), m);
            });
        }
    }

    // The gradients of row b's products at step t, and what its state receives directly; nothing where it is padding.
    void cell_backward(const Chunk<S>& chunk, int64_t t, int64_t b, const Ahead<C, M>& ahead) const {
        const int64_t n = (t - chunk.begin) * B + b, kept = (t * B + b) * H;
        S *d_row = this->d_of(n), *dh_row = dh + b * stride, *dc_row = dc + b * stride;
        if (!call.live(b, t)) {
            if constexpr (optioned<C>) clear_steps(t * B + b, n);
            return clear(d_row, C::wide * H);
        }
        const S *h_start = this->numbers(call.h_start, kept), *c_start = this->numbers(call.c_start, kept);
        const S* dy = this->at(call.dy, b, t);
        const Row<S> row{chunk.of.gates + n * G * H, this->numbers(chunk.of.q, n * H), true};
        if constexpr (optioned<C>) {
            for (int64_t j = 0; j < H; j += lanes<S>) ahead.ask(j);
            OptionedRowBackward<C, M>(call).backward(b, t, of_row(chunk, t, b), sums_of(b));
            return;
        }
        for (int64_t u = 0; u < vectors<S>(H); ++u) {
            visit_units<S>(u, H, [&](auto at) {
                ahead.ask(at.j);
                State<S> start{at.get(h_start), {}}, dstate{at.get(dh_row) + at.get(dy), {}};
                if constexpr (C::has_c) start.c = at.get(c_start), dstate.c = at.get(dc_row);
                C::step_backward(at, start, dstate, row, d_row);
                at.put(dh_row, dstate.h);
                if constexpr (C::has_c) at.put(dc_row, dstate.c);
            });
        }
    }

    // What row b has at step t, for its backward step with options.
    auto of_row(const Chunk<S>& chunk, int64_t t, int64_t b) const {
        const int64_t n = (t - chunk.begin) * B + b, kept = (t * B + b) * H;
        const Row<S> row{chunk.of.gates + n * G * H, this->numbers(chunk.of.q, n * H), true};
        return typename OptionedRowBackward<C, M>::AtStep{
            .row = row,
            .v_x = this->numbers(chunk.of.v_x, n * G * H),
            .inverse_x = this->numbers(chunk.of.inverse_x, n),
            .v_h = this->numbers(chunk.of.v_h, n * G * H),
            .inverse_h = this->numbers(chunk.of.inverse_h, n * products),
            .h_start = this->numbers(call.h_start, kept),
            .c_start = this->numbers(call.c_start, kept),
            .dy = this->at(call.dy, b, t),
            .dh = dh + b * stride,
            .dc = dc + b * stride,
            .d = this->d_of(n),
            .d_x = d_x + n * wide,
            .d_h = d_h + n * wide,
            .made = made + b * stride,
            .dv = dv + b * stride,
            .dh_all = this->numbers(call.dh, kept),
            .dc_all = this->numbers(call.dc, kept),
            .da = this->numbers(call.da, kept * G),
        };
    }

    typename Memory::Sums sums_of(int64_t b) const { return {sums + b * sums_size, H}; }

    // A step of padding; `kept` counts the rows of the call, n those of the chunk.
    void clear_steps(int64_t kept, int64_t n) const {
        if (call.dh) clear(this->numbers(call.dh, kept * H), H);
        if (call.dc) clear(this->numbers(call.dc, kept * H), H);
        if (call.da) clear(this->numbers(call.da, kept * G * H), G * H);
        if (call.g_ih) clear(d_x + n * wide, G * H);
        if (call.g_hh) clear(d_h + n * wide, G * H);
    }

    // What each row of the batch has summed up over time.
    void add_up() const {
        for (int64_t b = 1; b < B; ++b)
            for (int64_t j = 0; j < sums_size; ++j) sums[j] += sums[b * sums_size + j];
        const auto all = sums_of(0);
        const auto give = [&](void* to, const S* from, int64_t n) {
            if (to) copy(this->numbers(to), from, n);
        };
        give(call.dp, all.dp, 3 * H);
        give(call.dg_c, all.dg_c, H);
        give(call.db_c, all.db_c, H);
        if (!normalises) return;
        give(call.dg_ih, all.dg_x, G * H);
        give(call.dg_hh, all.dg_h, G * H);
        give(call.db_ih, all.db + C::dgx * H, G * H);
        for (int k = 0; k < G; ++k)
            if (call.db_hh) copy(this->numbers(call.db_hh, C::dgh_gate(k) * H), all.db + k * H, H);
    }
};

}  // namespace chainrule::LEVEL
