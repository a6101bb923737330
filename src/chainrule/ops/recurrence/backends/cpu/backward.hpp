// The backward pass: the scan in reverse, then the products that make the gradients of the weights and inputs.
#pragma once

#include "options_backward.hpp"

namespace chainrule::LEVEL {

template <class C, class S> struct Backward : Pass<C, S> {
    using P = Pass<C, S>;
    using P::call, P::B, P::I, P::H, P::G, P::early, P::late, P::products, P::stride;
    const int64_t sums_size = RowSums<S>::size * H, sums_rows = B > 0 ? B : 1;
    const int64_t wide = (vectors<S>(C::wide * H) + 1) * lanes<S>;  // of a row of d

    Arena<S> arena;
    const bool again = !this->call.gates;  // the gates were not kept
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

    explicit Backward(const Call& call)
        : P{call, rows_of(call)}, arena{this->numbers(call.workspace)}, W_hh(arena.take(panels_size<S>(H, late * H))),
          W_ih(arena.take(call.dx.data ? panels_size<S>(I, G * H) : 0)), dh(arena.take(B * stride)),
          dc(arena.take(C::has_c ? B * stride : 0)), d(arena.take(this->most_rows * wide)),
          x(arena.take(call.dW_ih ? panels_size<S>(I, this->most_rows) : 0)),
          h(arena.take(call.dW_hh ? panels_size<S>(H, this->most_rows) : 0)), inputs(call, arena, again),
          W_forward(arena.take(again ? panels_size<S>(H, H, G) : 0)),
          scratch(P::scratch(arena, again, again && C::has_q, again && optioned<C>)),
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

    void run() const {
        pack();
        if constexpr (optioned<C>) clear(sums, sums_rows * sums_size);
        for (int64_t b = 0; b < B; ++b) {
            copy(dh + b * stride, this->numbers(call.dh_n, b * H), H);
            if constexpr (C::has_c) copy(dc + b * stride, this->numbers(call.dc_n, b * H), H);
        }
        for (int64_t s = this->chunks() - 1; s >= 0; --s) {
            const Chunk<S> chunk = this->chunk(s, scratch);
            const Operands operands{{x, call.dW_ih ? I : 0, chunk.rows}, {h, call.dW_hh ? H : 0, chunk.rows},
                                    {s_panels, early && call.dW_hh ? H : 0, chunk.rows}};
            this->each_thread([&](int64_t thread) {
                const Share share(B, thread, this->threads);
                if (again) gates_again(chunk, thread, share);
                for (int64_t b = share.begin; b < share.end; b += block_rows)
                    scan(chunk, operands, b, share.end - b < block_rows ? share.end - b : block_rows);
            });
            this->each_thread([&](int64_t thread) {
                if (call.dx.data) inputs_backward(chunk, Share(chunk.rows, thread, this->threads));
                weights_backward(chunk, Share(H, thread, this->threads), s == this->chunks() - 1);
            });
        }
        for (int64_t b = 0; b < B; ++b) {
            copy(this->numbers(call.dh_0, b * H), dh + b * stride, H);
            if constexpr (C::has_c) copy(this->numbers(call.dc_0, b * H), dc + b * stride, H);
        }
        if constexpr (optioned<C>) add_up();
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
        if (!again) return;
        inputs.pack();
        this->pack_hidden(W_forward);
    }

    // As the state before each step was kept, the gates of all steps are computed anew at once; of rows b of the batch.
    void gates_again(const Chunk<S>& chunk, int64_t thread, Share b) const {
        inputs(chunk, thread, b);
        if (b.size() == B) return gates_again(chunk, Share(0, chunk.rows));
        for (int64_t n = 0; n < chunk.rows; n += B) gates_again(chunk, Share(n + b.begin, n + b.end));
    }

    void gates_again(const Chunk<S>& chunk, Share share) const {
        if (B == 1) gates_again<Way::alone>(chunk, share);
        else gates_again<Way::plain>(chunk, share);
    }

    template <Way way> void gates_again(const Chunk<S>& chunk, Share share) const {
        const int64_t first = chunk.begin * B + share.begin;
        const S *h_start = this->numbers(call.h_start, first * H), *c_start = this->numbers(call.c_start, first * H);
        const auto row = [&](int64_t r) {
            const int64_t n = share.begin + r;
            return Row<S>{chunk.of.gates + n * G * H, this->numbers(chunk.of.q, n * H), true};
        };
        S* const s = reset + share.begin * H;
        if constexpr (optioned<C>) {
            const OptionedRow<C, S> options(call);
            S *v = chunk.of.v_h + share.begin * G * H, *inverse = chunk.of.inverse_h + share.begin * products;
            options.template hidden<way>(W_forward, h_start, H, share.size(), s, H, row, v, inverse);
            for (int64_t r = 0; r < share.size(); ++r)
                options.forward(0, 0, row(r), v + r * G * H, inverse + r * products, h_start + r * H,
                                this->numbers(c_start, r * H), nullptr, nullptr, nullptr);
        } else {
            const auto use = [&](int64_t r, int64_t u, const Vector<S>* gh) {
                visit_units<S>(u, H, [&](auto at) {
                    State<S> state{at.get(h_start + r * H), {}};
                    if constexpr (C::has_c) state.c = at.get(c_start + r * H);
                    C::step(at, gh, state, row(r));
                });
            };
            this->template hidden<way>(W_forward, h_start, H, share.size(), s, H, row, use);
        }
    }

    void scan(const Chunk<S>& chunk, const Operands& operands, int64_t b0, int64_t rows) const {
        if (B == 1) scan<Way::alone>(chunk, operands, b0, rows);
        else scan<Way::plain>(chunk, operands, b0, rows);
    }

    template <Way way> void scan(const Chunk<S>& chunk, const Operands& operands, int64_t b0, int64_t rows) const {
        for (int64_t step = 0; step < chunk.end - chunk.begin; ++step) {
            const int64_t t = call.reverse ? chunk.begin + step : chunk.end - 1 - step, n0 = (t - chunk.begin) * B;
            for (int64_t b = b0; b < b0 + rows; ++b) {
                cell_backward(chunk, t, b);
                operands.x.put(n0 + b, this->input(b, t));
                operands.h.put(n0 + b, this->numbers(call.h_start, (t * B + b) * H));
            }
            const S* dgh = of_h() + (n0 + b0) * wide;
            if constexpr (early > 0) reset_backward<way>(chunk, operands, t, b0, rows);
            multiply<S, 1, way>(dgh, wide, rows, early ? W_early : W_hh, H, (early ? early : G) * H,
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
        multiply<S, 1, way>(of_h() + n0 * wide + early * H, wide, rows, W_hh, H, late * H,
                            [&](int64_t r, int64_t u, const Vector<S>* ds) {
            if (!call.live(b0 + r, t)) return;
            const S* h_start = this->numbers(call.h_start, (t * B + b0 + r) * H);
            S* dh_row = dh + (b0 + r) * stride;
            visit_units<S>(u, H, [&](auto at) {
                const Vector<S> through = C::reset_backward(at, *ds, at.get(h_start), row(r), d + (n0 + r) * wide);
                at.put(dh_row, at.get(dh_row) + through);
            });
        });
        for (int64_t r = 0; r < rows; ++r) {
            const bool live = call.live(b0 + r, t);
            if constexpr (optioned<C>) {
                if (live) OptionedRowBackward<C, S>(call).reset_backward(of_row(chunk, t, b0 + r));
            }
            if (!call.dW_hh) continue;
            const S *h_start = this->numbers(call.h_start, (t * B + b0 + r) * H), *gates = row(r).gates;
            S* to = reset + (n0 + r) * H;
            for (int64_t j = 0; j < H; ++j) to[j] = gates[j] * h_start[j];
            operands.s.put(n0 + r, live ? to : nullptr);
        }
    }

    // The gradients of row b's products at step t, and what its state receives directly; nothing where it is padding.
    void cell_backward(const Chunk<S>& chunk, int64_t t, int64_t b) const {
        const int64_t n = (t - chunk.begin) * B + b, kept = (t * B + b) * H;
        S *d_row = d + n * wide, *dh_row = dh + b * stride, *dc_row = dc + b * stride;
        if (!call.live(b, t)) {
            if constexpr (optioned<C>) clear_steps(t * B + b, n);
            return clear(d_row, C::wide * H);
        }
        const S *h_start = this->numbers(call.h_start, kept), *c_start = this->numbers(call.c_start, kept);
        const S* dy = this->at(call.dy, b, t);
        const Row<S> row{chunk.of.gates + n * G * H, this->numbers(chunk.of.q, n * H), true};
        if constexpr (optioned<C>) {
            OptionedRowBackward<C, S>(call).backward(b, t, of_row(chunk, t, b), RowSums<S>(sums + b * sums_size, H));
            return;
        }
        for (int64_t u = 0; u < vectors<S>(H); ++u) {
            visit_units<S>(u, H, [&](auto at) {
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
        return typename OptionedRowBackward<C, S>::At{
            row, this->numbers(chunk.of.v_x, n * G * H), this->numbers(chunk.of.inverse_x, n),
            this->numbers(chunk.of.v_h, n * G * H), this->numbers(chunk.of.inverse_h, n * products),
            this->numbers(call.h_start, kept), this->numbers(call.c_start, kept), this->at(call.dy, b, t),
            dh + b * stride, dc + b * stride, d + n * wide, d_x + n * wide, d_h + n * wide, made + b * stride,
            dv + b * stride, this->numbers(call.dh, kept), this->numbers(call.dc, kept), this->numbers(call.da, kept * G)};
    }

    // dx = W_ih^T dgx
    void inputs_backward(const Chunk<S>& chunk, Share share) const {
        const S* dgx = of_x() + share.begin * wide;
        multiply<S, 1>(dgx, wide, share.size(), W_ih, I, G * H,
                       [&](int64_t r, int64_t u, const Vector<S>* product) {
                           const int64_t n = share.begin + r;
                           S* dx = this->at(call.dx, n % B, chunk.begin + n / B);
                           visit_units<S>(u, I, [&](auto at) { at.put(dx, *product); });
                       });
    }

    // dW_ih += sum of dgx x^T, dW_hh += sum of dgh h_start^T, or s^T, and the biases' sums, for a share of the rows of each gate.
    void weights_backward(const Chunk<S>& chunk, Share share, bool first) const {
        for (int k = 0; k < G; ++k) {
            const int gate = C::dgh_gate(k);
            outer(chunk, share, of_x() + k * H, x, I, k, call.dW_ih, first);
            outer(chunk, share, of_h() + k * H, early && gate >= early ? s_panels : h, H, gate, call.dW_hh, first);
            sum(chunk, share, d + (C::dgx + k) * H, k, call.db_ih, first);
            sum(chunk, share, d + k * H, gate, call.db_hh, first);
        }
        if constexpr (optioned<C>) {
            if (call.g_ih) gains_backward(chunk, share, first);
        }
    }

    // The gradients of W_ih x and of W_hh h: those of gx and gh, but for layer normalisation.
    const S* of_x() const { return optioned<C> && call.g_ih ? d_x : d + C::dgx * H; }
    const S* of_h() const { return optioned<C> && call.g_hh ? d_h : d; }

    void outer(const Chunk<S>& chunk, Share share, const S* columns, const S* panels, int64_t width, int gate, void* to,
               bool first) const {
        if (!to) return;
        S* dW = this->numbers(to) + (gate * H + share.begin) * width;
        multiply<S, 1, Way::down>(columns + share.begin, wide, share.size(), panels, width, chunk.rows,
                                  [&](int64_t r, int64_t u, const Vector<S>* product) {
                                      S* row = dW + r * width;
                                      visit_units<S>(u, width, [&](auto at) {
                                          at.put(row, first ? *product : at.get(row) + *product);
                                      });
                                  });
    }

    void sum(const Chunk<S>& chunk, Share share, const S* columns, int gate, void* to, bool first) const {
        if (!to) return;
        S* db = this->numbers(to) + gate * H;
        if (first) clear(db + share.begin, share.size());
        for (int64_t n = 0; n < chunk.rows; ++n)
            for (int64_t j = share.begin; j < share.end; ++j) db[j] += columns[n * wide + j];
    }

    // dg_ih += sum of dgx v_x, dg_hh += sum of dgh v_h: row by row, as v lies in memory.
    void gains_backward(const Chunk<S>& chunk, Share share, bool first) const {
        for (int k = 0; first && k < G; ++k)
            for (void* to : {call.dg_ih, call.dg_hh}) clear(this->numbers(to, k * H + share.begin), share.size());
        for (int64_t t = chunk.begin, n = 0; t < chunk.end; ++t) {
            for (int64_t b = 0; b < B; ++b, ++n) {
                if (!call.live(b, t)) continue;
                for (int k = 0; k < G; ++k) {
                    const int64_t at_x = k * H + share.begin, at_h = C::dgh_gate(k) * H + share.begin;
                    const S *d_row = d + n * wide + at_x, *v_x = chunk.of.v_x + n * G * H, *v_h = chunk.of.v_h + n * G * H;
                    const auto add = [&](void* to, int64_t at, const S* dg, const S* v) {
                        S* sum = this->numbers(to, at);
                        each_vector<S>(share.size(), [&](int, int64_t j, int m) {
                            store(sum + j, load(sum + j, m) + load(dg + j, m) * load(v + at + j, m), m);
                        });
                    };
                    add(call.dg_ih, at_x, d_row + C::dgx * H, v_x);
                    add(call.dg_hh, at_h, d_row, v_h);
                }
            }
        }
    }

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
        const RowSums<S> all(sums, H);
        const auto give = [&](void* to, const S* from, int64_t n) {
            if (to) copy(this->numbers(to), from, n);
        };
        give(call.dp, all.dp, 3 * H);
        give(call.dg_c, all.dg_c, H);
        give(call.db_c, all.db_c, H);
    }
};

}  // namespace chainrule::LEVEL
