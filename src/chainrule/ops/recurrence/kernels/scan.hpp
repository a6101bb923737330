// The scan and the scan in reverse, for any cell.
//
// A group of rows is carried through all steps by one thread. At each step the panels of the weights are taken in
// turn, and each is multiplied with all rows of the group, so that weights too large for the cache next to the core are
// read from farther away once a step, not once a tile. The gates are computed where the product lies, in a tile of
// the nearest cache: gh is never written.
#pragma once

#include "call.hpp"
#include "cells.hpp"
#include "packing.hpp"
#include "product.hpp"
#include "threads.hpp"

namespace chainrule::LEVEL {

inline constexpr int64_t most_group_rows = 64;

// Scratch of one group: rows are a vector longer than they need be, so that they start in different cache sets.
template <class S> struct Scratch {
    int64_t rows, stride, wide;
    Scratch(int64_t B, int64_t H, int gates, int64_t threads)
        : rows((B + threads - 1) / threads), stride((vectors<S>(H) + 1) * lanes<S>),
          wide((vectors<S>(gates * H) + 1) * lanes<S>) {
        if (rows > most_group_rows) rows = most_group_rows;
    }
    int64_t size() const { return rows * (3 * stride + wide); }
};

template <class S> void copy(S* to, const S* from, int64_t n) { std::memcpy(to, from, size_t(n) * sizeof(S)); }
template <class S> void clear(S* to, int64_t n) { std::memset(to, 0, size_t(n) * sizeof(S)); }

// What the scans in both directions share: the rows b0 to b0 + rows, and the order of their tiles.
template <class C, class S, int gates> struct Group {
    static inline const Products<S, gates> products{};
    const Call& call;
    const Scratch<S> scratch;
    const int64_t b0, rows, H = call.H;
    bool live[most_group_rows] = {};

    S* at(void* buffer, int64_t b, int64_t t, int width = 1) const {
        return buffer ? static_cast<S*>(buffer) + call.at(b, t) * width * H : nullptr;
    }
    Units units(int64_t u) const {
        const int64_t j = u * lanes<S>;
        return {H, j, H - j < lanes<S> ? int(H - j) : lanes<S>};
    }

    // Multiply all rows with all panels; call `use(row, panel, product)` with each vector of each gate.
    template <class Use> void multiply(const S* a, int64_t lda, int64_t K, Use use) const {
        const bool alone = call.B == 1;
        const int64_t panel = panel_size<S>(K, gates);
        const Split by_rows(rows, most_rows<gates>);
        const Split by_panels(vectors<S>(H), products.panels((rows + by_rows.pieces - 1) / by_rows.pieces, alone));
        alignas(width) S tile[5 * accumulators * lanes<S>];
        for (int64_t p = 0; p < by_panels.pieces; ++p) {
            const int64_t u0 = by_panels.begin(p), us = by_panels.begin(p + 1) - u0;
            for (int64_t i = 0; i < by_rows.pieces; ++i) {
                const int64_t r0 = by_rows.begin(i), rs = by_rows.begin(i + 1) - r0;
                const S* w = static_cast<const S*>(call.W) + u0 * panel;
                products(rs, us, alone)(a + r0 * lda, lda, w, K, tile);
                const S* product = tile;
                for (int64_t r = r0; r < r0 + rs; ++r)
                    for (int64_t u = u0; u < u0 + us; ++u, product += gates * lanes<S>)
                        use(r, units(u), reinterpret_cast<const Vector<S>*>(product));
            }
        }
    }
};

template <class C, class S> struct Forward : Group<C, S, C::gates> {
    using Group<C, S, C::gates>::call, Group<C, S, C::gates>::scratch, Group<C, S, C::gates>::b0;
    using Group<C, S, C::gates>::rows, Group<C, S, C::gates>::H, Group<C, S, C::gates>::live;

    void run(S* memory) {
        const int64_t stride = scratch.stride;
        S *h = memory, *h_new = h + scratch.rows * stride, *c = h_new + scratch.rows * stride;
        for (int64_t r = 0; r < rows; ++r) {
            copy(h + r * stride, static_cast<const S*>(call.h_0) + (b0 + r) * H, H);
            if constexpr (C::has_c) copy(c + r * stride, static_cast<const S*>(call.c_0) + (b0 + r) * H, H);
        }
        for (int64_t s = 0; s < call.T; ++s) {
            step(call.reverse ? call.T - 1 - s : s, h, h_new, c);
            S* last = h;
            h = h_new;
            h_new = last;
        }
        for (int64_t r = 0; r < rows; ++r) {
            copy(static_cast<S*>(call.h_n) + (b0 + r) * H, h + r * stride, H);
            if constexpr (C::has_c) copy(static_cast<S*>(call.c_n) + (b0 + r) * H, c + r * stride, H);
        }
    }

    void step(int64_t t, S* h, S* h_new, S* c) {
        const int64_t stride = scratch.stride;
        Row<S> data[most_group_rows];
        for (int64_t r = 0; r < rows; ++r) {
            const int64_t b = b0 + r;
            live[r] = call.live(b, t);
            if (call.fresh(b, t)) {
                clear(h + r * stride, H);
                if constexpr (C::has_c) clear(c + r * stride, H);
            }
            data[r] = {this->at(call.gates, b, t, C::gates), this->at(call.q, b, t), call.h_start != nullptr,
                       nullptr, nullptr, nullptr};
        }
        this->multiply(h, stride, H, [&](int64_t r, Units at, const Vector<S>* gh) {
            State<S> s{at.get(h + r * stride), {}};
            if constexpr (C::has_c) s.c = at.get(c + r * stride);
            if (data[r].keep) {
                at.put(this->at(call.h_start, b0 + r, t), live[r] ? s.h : Vector<S>{});
                if constexpr (C::has_c) at.put(this->at(call.c_start, b0 + r, t), s.c);
            }
            if (live[r]) C::step(at, gh, s, data[r]);
            else if (C::has_q && data[r].keep) at.put(data[r].q, Vector<S>{});
            at.put(this->at(call.y, b0 + r, t), live[r] ? s.h : Vector<S>{});
            at.put(h_new + r * stride, s.h);
            if constexpr (C::has_c) at.put(c + r * stride, s.c);
        });
    }
};

template <class C, class S> struct Backward : Group<C, S, 1> {
    using Group<C, S, 1>::call, Group<C, S, 1>::scratch, Group<C, S, 1>::b0;
    using Group<C, S, 1>::rows, Group<C, S, 1>::H;

    void run(S* memory) {
        const int64_t stride = scratch.stride;
        S *dh = memory, *dc = dh + scratch.rows * stride, *dgh = dc + scratch.rows * stride;
        for (int64_t r = 0; r < rows; ++r) {
            copy(dh + r * stride, static_cast<const S*>(call.dh_n) + (b0 + r) * H, H);
            if constexpr (C::has_c) copy(dc + r * stride, static_cast<const S*>(call.dc_n) + (b0 + r) * H, H);
        }
        for (int64_t s = 0; s < call.T; ++s) step(call.reverse ? s : call.T - 1 - s, dh, dc, dgh);
        for (int64_t r = 0; r < rows; ++r) {
            copy(static_cast<S*>(call.dh_0) + (b0 + r) * H, dh + r * stride, H);
            if constexpr (C::has_c) copy(static_cast<S*>(call.dc_0) + (b0 + r) * H, dc + r * stride, H);
        }
    }

    void step(int64_t t, S* dh, S* dc, S* dgh) {
        const int64_t stride = scratch.stride, wide = scratch.wide;
        for (int64_t r = 0; r < rows; ++r) cell_backward(t, r, dh + r * stride, dc + r * stride, dgh + r * wide);
        this->multiply(dgh, wide, C::gates * H, [&](int64_t r, Units at, const Vector<S>* product) {
            at.put(dh + r * stride, at.get(dh + r * stride) + *product);
        });
    }

    // The gradients of row r's gates, and what its state receives directly; nothing where the step is padding.
    void cell_backward(int64_t t, int64_t r, S* dh, S* dc, S* dgh) {
        const int64_t b = b0 + r;
        const Row<S> row{this->at(call.gates, b, t, C::gates), this->at(call.q, b, t), true,
                         this->at(call.dgx, b, t, C::gates), this->at(call.dgh, b, t, C::gates), dgh};
        if (!call.live(b, t)) {
            clear(row.dgx, C::gates * H);
            if (row.dgh) clear(row.dgh, C::gates * H);
            clear(dgh, C::gates * H);
            return;
        }
        const S *h_start = this->at(call.h_start, b, t), *c_start = this->at(call.c_start, b, t);
        const S* dy = this->at(const_cast<void*>(call.dy), b, t);
        for (int64_t u = 0; u < vectors<S>(H); ++u) {
            const Units at = this->units(u);
            State<S> start{at.get(h_start), {}}, d{at.get(dh) + at.get(dy), {}};
            if constexpr (C::has_c) start.c = at.get(c_start), d.c = at.get(dc);
            C::step_backward(at, start, d, row);
            at.put(dh, d.h);
            if constexpr (C::has_c) at.put(dc, d.c);
        }
        if (call.fresh(b, t)) {
            clear(dh, H);
            if constexpr (C::has_c) clear(dc, H);
            clear(dgh, C::gates * H);
        }
    }
};

// Deal the rows out to the threads, and each thread's rows to groups.
template <class Scan, class S> void run(const Call& call, int gates) {
    const Scratch<S> scratch(call.B, call.H, gates, call.threads);
    in_parallel(int(call.threads), [&](int64_t thread) {
        S* memory = static_cast<S*>(call.workspace) + thread * scratch.size();
        const int64_t end = call.B * (thread + 1) / call.threads;
        for (int64_t b = call.B * thread / call.threads; b < end; b += scratch.rows) {
            const int64_t rows = end - b < scratch.rows ? end - b : scratch.rows;
            Scan{{call, scratch, b, rows}}.run(memory);
        }
    });
}

}  // namespace chainrule::LEVEL
