// The backward step of one row with options.
#pragma once

#include "options.hpp"

namespace chainrule::LEVEL {

// The sums over time of one row of the batch, which are added up over the rows at the end: so their order, and with it
// every bit, does not depend on the threads.
template <class S> struct RowSums {
    static constexpr int size = 5;  // times H
    S *dp, *dg_c, *db_c;
    RowSums(S* at, int64_t H) : dp(at), dg_c(at + 3 * H), db_c(at + 4 * H) {}
};

template <class C, class M> struct OptionedRowBackward : OptionedRow<C, M> {
    using Base = OptionedRow<C, M>;
    using S = Number<M>;
    using Base::call, Base::H, Base::G, Base::early, Base::products, Base::g_ih, Base::g_hh, Base::g_c, Base::p;
    using Base::Base;

    // What one row has at one step. d: the gradients of gx and gh; d_x and d_h: those of the products that are normalised.
    // `made` and `dv` are scratch; dh_all, dc_all and da are null where they are not asked for.
    struct AtStep {
        Row<S> row;
        const S *v_x, *inverse_x, *v_h, *inverse_h, *h_start, *c_start, *dy;
        S *dh, *dc, *d, *d_x, *d_h, *made, *dv, *dh_all, *dc_all, *da;
    };

    // All gradients within the step, and what the row's state receives directly; of a cell with early gates, those
    // that the last product needs.
    void backward(int64_t b, int64_t t, const AtStep& a, const RowSums<S>& sums) const {
        const Zoneout<S> keep_h = this->zoneout(call.keep_h, call.rate_h, b, t);
        if constexpr (C::has_c) {
            lstm_backward(b, t, a, sums, keep_h);
        } else {
            this->each_units([&](auto at) {
                const Vector<S> dh = at.get(a.dh) + at.get(a.dy);
                if (a.dh_all) at.put(a.dh_all, dh);
                State<S> start{at.get(a.h_start), {}}, d{keep_h.to_made(at, dh), {}};
                C::step_backward(at, start, d, a.row, a.d);
                at.put(a.dh, keep_h.used() ? d.h + keep_h.to_old(at, dh) : d.h);
            });
        }
        if (g_hh) product_backward(early, G, a.d, a.d_h, a.v_h, a.inverse_h[products - 1], g_hh, C::dgh_gate);
        if constexpr (early == 0) inputs_backward(a);
    }

    // What is left of such a cell, when the last product has given ds.
    void reset_backward(const AtStep& a) const {
        if (g_hh) product_backward(0, early, a.d, a.d_h, a.v_h, *a.inverse_h, g_hh, C::dgh_gate);
        inputs_backward(a);
    }

    void inputs_backward(const AtStep& a) const {
        const S* dgx = a.d + C::dgx * H;
        if (a.da) copy(a.da, dgx, G * H);
        if (g_ih) product_backward(0, G, dgx, a.d_x, a.v_x, *a.inverse_x, g_ih, [](int k) { return k; });
    }

    void lstm_backward(int64_t b, int64_t t, const AtStep& a, const RowSums<S>& sums, Zoneout<S> keep_h) const {
        const Zoneout<S> keep_c = this->zoneout(call.keep_c, call.rate_c, b, t);
        const S* gates = a.row.gates;
        this->each_units([&](auto at) {
            at.put(a.made, at.get(gates, 1) * at.get(a.c_start) + at.get(gates, 0) * at.get(gates, 2));
        });
        const typename Base::Shown shown(*this, a.made);
        Fixed<S> fixed;
        this->each_units([&](auto at) {
            const Vector<S> dh = at.get(a.dh) + at.get(a.dy), dm = keep_h.to_made(at, dh), o = at.get(gates, 3);
            if (a.dh_all) at.put(a.dh_all, dh);
            at.put(a.dh, keep_h.used() ? keep_h.to_old(at, dh) : Vector<S>{});
            const Vector<S> v = shown.v(at), tanh_u = tanh<S>(shown.u(at, v));
            const Vector<S> du = dm * (o * (S(1) - tanh_u * tanh_u));
            at.put(a.d, dm * (tanh_u * (o * (S(1) - o))), 3);
            if (!g_c) return at.put(a.dv, du);
            const Vector<S> dv = du * at.get(g_c);
            at.put(a.dv, dv);
            fixed.add(0, dv, first<S>(v, at.n));
            add(at, sums.dg_c, du * v);
            add(at, sums.db_c, du);
        });
        fixed.close(H);
        this->each_units([&](auto at) {
            const Vector<S> i = at.get(gates, 0), f = at.get(gates, 1), g = at.get(gates, 2), c = at.get(a.c_start);
            const Vector<S> dc_all = at.get(a.dc), da_o = at.get(a.d, 3), dv = at.get(a.dv);
            Vector<S> dc = keep_c.to_made(at, dc_all);
            dc += g_c ? fixed.backward(dv, shown.v(at), shown.moments.inverse) : dv;
            if (p) dc += da_o * at.get(p, 2);
            const Vector<S> da_i = dc * (g * (i * (S(1) - i))), da_f = dc * (c * (f * (S(1) - f)));
            at.put(a.d, da_i, 0);
            at.put(a.d, da_f, 1);
            at.put(a.d, dc * (i * (S(1) - g * g)), 2);
            if (a.dc_all) at.put(a.dc_all, keep_c.used() ? dc_all : dc);
            Vector<S> dc_start = dc * f;
            if (keep_c.used()) dc_start += keep_c.to_old(at, dc_all);
            if (p) {
                dc_start += da_i * at.get(p, 0) + da_f * at.get(p, 1);
                add(at, sums.dp, da_i * c, 0);
                add(at, sums.dp, da_f * c, 1);
                add(at, sums.dp, da_o * at.get(a.made), 2);
            }
            at.put(a.dc, dc_start);
        });
    }

    // From the gradient of gx or gh to that of the product, for gates begin <= k < end. Part k of both belongs to gate_of(k) of v and of the gain.
    // dv^ waits in `to`, so that it is rounded once: of a row that it is constant in, nothing is left.
    template <class Gate>
    void product_backward(int begin, int end, const S* d, S* to, const S* v, S inverse, const S* gain,
                          Gate gate_of) const {
        Fixed<S> fixed;
        for (int k = begin; k < end; ++k) {
            const S *d_k = d + k * H, *gain_k = gain + gate_of(k) * H, *v_k = v + gate_of(k) * H;
            S* to_k = to + k * H;
            each_vector<S>(H, [&](int way, int64_t j, int n) __attribute__((always_inline)) {
                const Vector<S> dv = load(d_k + j, n) * load(gain_k + j, n);
                store(to_k + j, dv, n);
                fixed.add(way, dv, load(v_k + j, n));
            });
        }
        fixed.close((end - begin) * H);
        for (int k = begin; k < end; ++k) {
            const S* v_k = v + gate_of(k) * H;
            S* to_k = to + k * H;
            each_vector<S>(H, [&](int, int64_t j, int n) __attribute__((always_inline)) {
                store(to_k + j, fixed.backward(load(to_k + j, n), load(v_k + j, n), inverse), n);
            });
        }
    }

    static void add(auto at, S* sum, Vector<S> v, int gate = 0) { at.put(sum, at.get(sum, gate) + v, gate); }
};

}  // namespace chainrule::LEVEL
