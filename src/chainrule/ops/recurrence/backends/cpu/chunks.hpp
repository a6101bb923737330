// What both passes share. Time is cut into chunks, so that what one stage leaves for the next stays in the caches. A
// thread carries its own rows of the batch through the steps in order. Threads meet as seldom as may be: where one of them
// is kept waiting for a processor, all are.
#pragma once

#include "call.hpp"
#include "cells.hpp"
#include "normalisation.hpp"
#include "product.hpp"
#include "../../../compiled/threads.hpp"

namespace chainrule::LEVEL {

inline constexpr int64_t chunk_rows = 256;  // at least, of all steps of a chunk together
inline constexpr int64_t own_bytes = 1 << 19;  // of packed weights that a thread has a copy of
inline constexpr int64_t block_rows = 64;   // that a thread takes at once

template <class S> void copy(S* to, const S* from, int64_t n) { std::memcpy(to, from, size_t(n) * sizeof(S)); }
template <class S> void clear(S* to, int64_t n) { std::memset(to, 0, size_t(n) * sizeof(S)); }

// Hands out pieces of the workspace; from null, it counts.
template <class S> struct Arena {
    S* const base;
    int64_t used = 0;
    S* take(int64_t n) {
        S* piece = base + used;
        used += vectors<S>(n) * lanes<S>;
        return piece;
    }
};

struct Share {
    int64_t begin, end;
    Share(int64_t begin, int64_t end) : begin(begin), end(end) {}
    // The part of n that falls to one of `parts`.
    Share(int64_t n, int64_t part, int64_t parts) : begin(n * part / parts), end(n * (part + 1) / parts) {}
    int64_t size() const { return end - begin; }
};

// What belongs to each row, as in Call: kept there, or in scratch; null where it is not needed.
template <class S> struct PerRow {
    S *gates, *q, *v_x, *v_h, *inverse_x, *inverse_h;
};

// The steps begin <= t < end. Row n of the chunk is row n % B of the batch at step begin + n / B.
template <class S> struct Chunk {
    int64_t begin, end, rows;
    PerRow<S> of;  // its rows
};

template <class C, class M> struct Pass {
    using S = Number<M>;
    static constexpr int G = C::gates;
    static constexpr int early = C::early, late = G - early;  // gates of W_hh's first product, if it has two, and the last
    static constexpr int products = early ? 2 : 1;
    const Call& call;
    const int64_t wanted_rows = chunk_rows;
    const int64_t B = call.B, T = call.T, I = call.I, H = call.H, threads = call.threads;
    const int64_t stride = (vectors<S>(H) + 1) * lanes<S>;  // of states: not a multiple of what a cache set spans
    const int64_t H_words = words<M>(H);
    const int64_t f_stride = rounds<M> ? (vectors<S>(H_words) + 1) * lanes<S> : stride;  // of their factors
    const int64_t chunk_steps = B >= wanted_rows ? 1 : B * T < wanted_rows ? T : wanted_rows / B;
    const int64_t most_rows = chunk_steps * B;
    const int64_t B_words = words<M>(B);  // of what sums over rows, a step

    // The rows of the batch that a thread carries: where two make a word, both.
    Share rows_of(int64_t thread) const {
        const Share words(B_words, thread, threads);
        const int64_t end = words.end * per_word<M>;
        return {words.begin * per_word<M>, end < B ? end : B};
    }

    // What each row carries from step to step is a page apart from what other threads' rows do: within one, processors
    // fetch ahead of what is read, and would take from another thread the lines that it is about to write.
    static constexpr int64_t page = 4096 / sizeof(S);
    int64_t rows_size(int64_t stride) const { return B * stride + threads * page; }
    int64_t page_of(int64_t thread) const { return thread * page; }

    // Packed weights of `size` numbers: where that is little, each thread packs its own, and none waits for another's cache.
    bool has_own(int64_t size) const { return threads > 1 && size * int64_t(sizeof(S)) <= own_bytes; }
    int64_t packed_size(int64_t size) const { return has_own(size) ? threads * size : size; }
    S* of_thread(int64_t thread, S* packed, int64_t size) const { return packed + (has_own(size) ? thread * size : 0); }

    // Null stays null.
    static S* numbers(const void* data, int64_t offset = 0) {
        return data ? static_cast<S*>(const_cast<void*>(data)) + offset : nullptr;
    }
    static S* at(const Strided& of, int64_t b, int64_t t) { return numbers(of.data, b * of.row + t * of.step); }

    // Scratch for all rows of a chunk, or for so many of v_x and of v_h.
    PerRow<S> scratch(Arena<S>& arena, bool gates, bool q, int64_t x_rows, int64_t h_rows) const {
        return {
            .gates = arena.take(gates ? most_rows * G * H : 0),
            .q = q ? arena.take(most_rows * H) : nullptr,
            .v_x = x_rows ? arena.take(x_rows * G * H) : nullptr,
            .v_h = arena.take(h_rows * G * H),
            .inverse_x = x_rows ? arena.take(x_rows) : nullptr,
            .inverse_h = arena.take(h_rows * products),
        };
    }

    // The s-th chunk of steps in the order of the scan.
    int64_t chunks() const { return (T + chunk_steps - 1) / chunk_steps; }
    Chunk<S> chunk(int64_t s, const PerRow<S>& scratch) const {
        const int64_t first = s * chunk_steps, steps = T - first < chunk_steps ? T - first : chunk_steps;
        const int64_t begin = call.reverse ? T - first - steps : first;
        const auto of = [&](const void* kept, S* scratch, int64_t width) {
            return kept ? numbers(kept, begin * B * width) : scratch;
        };
        return {
            .begin = begin,
            .end = begin + steps,
            .rows = steps * B,
            .of = {
                .gates = of(call.gates, scratch.gates, G * H),
                .q = of(call.q, scratch.q, H),
                .v_x = of(call.v_x, scratch.v_x, G * H),
                .v_h = of(call.v_h, scratch.v_h, G * H),
                .inverse_x = of(call.inverse_x, scratch.inverse_x, 1),
                .inverse_h = of(call.inverse_h, scratch.inverse_h, products),
            },
        };
    }

    // W_hh and its bias as the scan reads them; the last product's panels begin behind those of the early gates.
    void pack_hidden(S* W) const {
        panels_in_order<M, G, early>(numbers(call.W_hh), numbers(call.g_hh ? nullptr : call.b_hh), H, H, W);
    }
    const S* last_panels(const S* W) const { return W + panels_size<S>(H, H_words, early); }

    // W_hh's product with `rows` rows of h, whose factors are f, for use(row, panel, sums). Where it is two, row(r) has the
    // gates of the first one, null in padding, s takes the factors of what `reset` makes of it, and `use` gets the second.
    template <Way way, class RowOf, class Use>
    void hidden(const S* W, Rows<S> h, Rows<S> f, int64_t rows, Rows<S> s, RowOf row, Use use) const {
        if constexpr (early > 0) {
            multiply<M, early, way>(f.data, f.stride, rows, W, H, H_words, [&](int64_t r, int64_t u, const Vector<S>* gh) {
                visit_units<S>(u, H, [&](auto at) {
                    const Row<S> of = row(r);
                    at.template put_factors<M>(s[r], of.gates ? C::reset(at, gh, at.get(h[r]), of) : Vector<S>{});
                });
            });
            multiply<M, late, way>(s.data, s.stride, rows, last_panels(W), H, H_words, use);
        } else {
            multiply<M, late, way>(f.data, f.stride, rows, W, H, H_words, use);
        }
    }

    const S* input(int64_t b, int64_t t) const { return call.live(b, t) ? at(call.x, b, t) : nullptr; }
    const S* input(const Chunk<S>& chunk, int64_t n) const { return input(n % B, chunk.begin + n / B); }

    template <class Work> void each_thread(const Work& work) const { in_parallel(int(threads), work); }
};

// Stage 1: gx = W_ih x + b_ih. Padding counts as zeros, whatever it holds.
template <class C, class M> struct Inputs : Pass<C, M> {
    using S = Number<M>;
    using Pass<C, M>::call, Pass<C, M>::I, Pass<C, M>::H, Pass<C, M>::G;
    const int64_t I_words = words<M>(I), size = panels_size<S>(H, I_words, G);
    S *W, *x;

    Inputs(const Call& call, Arena<S>& arena, bool needed)
        : Pass<C, M>{call}, W(arena.take(needed ? this->packed_size(size) : 0)),
          x(arena.take(needed ? call.threads * block_rows * I_words : 0)) {}

    S* W_of(int64_t thread) const { return this->of_thread(thread, W, size); }
    // Before the threads begin, and then in each of them.
    void pack() const { if (!this->has_own(size)) pack_to(W); }
    void pack(int64_t thread) const { if (this->has_own(size)) pack_to(W_of(thread)); }
    void pack_to(S* to) const {
        panels_of<M, G>(this->numbers(call.W_ih), this->numbers(call.g_ih ? nullptr : call.b_ih), H, I, to);
    }

    // Of the steps' rows b of the batch, those that `share` counts.
    void operator()(const Chunk<S>& chunk, int64_t thread, Share b, Share share) const {
        S* block = x + thread * block_rows * I_words;
        S* products = optioned<C> && call.g_ih && chunk.of.v_x ? chunk.of.v_x : chunk.of.gates;
        for (int64_t i0 = share.begin; i0 < share.end; i0 += block_rows) {
            const int64_t rows = share.end - i0 < block_rows ? share.end - i0 : block_rows;
            int64_t n[block_rows];
            for (int64_t r = 0; r < rows; ++r) {
                n[r] = (i0 + r) / b.size() * this->B + b.begin + (i0 + r) % b.size();
                if (const S* row = this->input(chunk, n[r])) copy_factors<M>(block + r * I_words, row, I);
                else clear(block + r * I_words, I_words);
            }
            multiply<M, G>(block, I_words, rows, W_of(thread), H, I_words, [&](int64_t r, int64_t u, const Vector<S>* gx) {
                S* to = products + n[r] * G * H;
                visit_units<S>(u, H, [&](auto at) {
                    for (int gate = 0; gate < G; ++gate) at.put(to, gx[gate], gate);
                });
            });
            if (optioned<C> && call.g_ih)
                for (int64_t r = 0; r < rows; ++r) normalised(chunk, n[r]);
        }
    }
    void operator()(const Chunk<S>& chunk, int64_t thread, Share b) const {
        (*this)(chunk, thread, b, Share(0, (chunk.end - chunk.begin) * b.size()));
    }

    // gx = g_ih LN(W_ih x) + b_ih, in place where v_x is not kept
    void normalised(const Chunk<S>& chunk, int64_t n) const {
        const bool keeps = chunk.of.v_x;
        S *gx = chunk.of.gates + n * G * H, *v = keeps ? chunk.of.v_x + n * G * H : gx;
        const Moments<S> moments(v, G * H);
        if (keeps) chunk.of.inverse_x[n] = moments.inverse;
        const S *gain = this->numbers(call.g_ih), *b = this->numbers(call.b_ih);
        each_vector<S>(G * H, [&](int, int64_t j, int k) __attribute__((always_inline)) {
            const Vector<S> normalised = moments.normalised(load(v + j, k));
            if (keeps) store(v + j, normalised, k);
            const Vector<S> scaled = normalised * load(gain + j, k);
            store(gx + j, b ? scaled + load(b + j, k) : scaled, k);
        });
    }
};

}  // namespace chainrule::LEVEL
