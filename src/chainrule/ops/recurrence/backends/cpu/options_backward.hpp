// The backward step of one row with options.
#pragma once

#include "options.hpp"

namespace chainrule::LEVEL {

// The sums over time of one row of the batch, which are added up over the rows at the end: so their order, and with it
// every bit, does not depend on the threads. Those of the products that are normalised come last, as they may be missing.
template <class C, class S> struct RowSums {
    static constexpr int size(bool normalises) { return 5 + (normalises ? 2 * C::gates + C::wide : 0); }  // times H
    S *dp, *dg_c, *db_c, *dg_x, *dg_h, *db;  // db: of the parts of d
    RowSums(S* at, int64_t H)
        : dp(at), dg_c(at + 3 * H), db_c(at + 4 * H), dg_x(at + 5 * H), dg_h(dg_x + C::gates * H),
          db(dg_h + C::gates * H) {}
};

template <class C, class M> struct OptionedRowBackward : OptionedRow<C, M> {
    using Base = OptionedRow<C, M>;
    using S = Number<M>;
    using Base::call, Base::H, Base::G, Base::early, Base::products, Base::g_ih, Base::g_hh, Base::g_c, Base::p;
    using Base::Base;
    using Sums = RowSums<C, S>;

    // What one row has at one step. d: the gradients of gx and gh; d_x and d_h: those of the products that are normalised.
    // `made` and `dv` are scratch; dh_all, dc_all and da are null where they are not asked for.
    struct AtStep {
        Row<S> row;
        const S *v_x, *inverse_x, *v_h, *inverse_h, *h_start, *c_start, *dy;
        S *dh, *dc, *d, *d_x, *d_h, *made, *dv, *dh_all, *dc_all, *da;
    };

    // All gradients within the step, and what the row's state receives directly; of a cell with early gates, those
    // that the last product needs.
    void backward(int64_t b, int64_t t, const AtStep& a, const Sums& sums) const {
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
        if constexpr (early > 0) {
            if (g_hh) products_backward<early, G, false>(a, sums);
        } else {
            if (a.da) copy(a.da, a.d + C::dgx * H, G * H);
            if (g_hh) products_backward<0, G, true>(a, sums);
        }
    }

    // What is left of such a cell, when the last product has given ds.
    void reset_backward(const AtStep& a, const Sums& sums) const {
        if (a.da) copy(a.da, a.d + C::dgx * H, G * H);
        if (g_hh) products_backward<0, early, true>(a, sums);
    }

    void lstm_backward(int64_t b, int64_t t, const AtStep& a, const Sums& sums, Zoneout<S> keep_h) const {
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

    // From d to the gradients of the gains, the biases and the products, which are normalised: of gh for parts begin <= k < end of
    // d, and where `with_x`, of gx. dv^ waits in d_h and d_x, so that it is rounded once: of a row that it is constant in,
    // nothing is left.
    template <int begin, int end, bool with_x> void products_backward(const AtStep& a, const Sums& sums) const {
        products_backward<begin, end, with_x>(a, sums, std::make_integer_sequence<int, C::wide>());
    }
    template <int begin, int end, bool with_x, int... k>
    void products_backward(const AtStep& a, const Sums& sums, std::integer_sequence<int, k...>) const {
        Fixed<S> of_x, of_h;
        (begin_part<k, begin <= k && k < end, with_x && k >= C::dgx>(a, sums, of_x, of_h), ...);
        of_x.close(G * H);
        of_h.close((end - begin) * H);
        (end_part<k, begin <= k && k < end, with_x && k >= C::dgx>(a, of_x, of_h), ...);
    }
    template <int k, bool in_h, bool in_x>
    [[gnu::always_inline]] void begin_part(const AtStep& a, const Sums& sums, Fixed<S>& of_x, Fixed<S>& of_h) const {
        const int64_t at_d = k * H, at_x = (k - C::dgx) * H, at_h = C::dgh_gate(k) * H;
        each_vector<S>(H, [&](int way, int64_t j, int n) __attribute__((always_inline)) {
            const Vector<S> d = load(a.d + at_d + j, n);
            if (in_x) dv(of_x, way, d, n, g_ih + at_x + j, a.v_x + at_x + j, a.d_x + at_x + j, sums.dg_x + at_x + j);
            if (in_h) dv(of_h, way, d, n, g_hh + at_h + j, a.v_h + at_h + j, a.d_h + at_d + j, sums.dg_h + at_h + j);
            if (in_x || k < C::dgx) store(sums.db + at_d + j, load(sums.db + at_d + j, n) + d, n);
        });
    }
    template <int k, bool in_h, bool in_x>
    [[gnu::always_inline]] void end_part(const AtStep& a, const Fixed<S>& of_x, const Fixed<S>& of_h) const {
        const int64_t at_d = k * H, at_x = (k - C::dgx) * H, at_h = C::dgh_gate(k) * H;
        const S inverse_h = a.inverse_h[k < early ? 0 : products - 1];
        each_vector<S>(H, [&](int, int64_t j, int n) __attribute__((always_inline)) {
            if (in_x) finish(of_x, n, a.v_x + at_x + j, *a.inverse_x, a.d_x + at_x + j);
            if (in_h) finish(of_h, n, a.v_h + at_h + j, inverse_h, a.d_h + at_d + j);
        });
    }
    [[gnu::always_inline]] static void dv(Fixed<S>& fixed, int way, Vector<S> d, int n, const S* gain, const S* v,
                                          S* to, S* dg) {
        const Vector<S> v_j = load(v, n), dv = d * load(gain, n);
        store(to, dv, n);
        store(dg, load(dg, n) + d * v_j, n);
        fixed.add(way, dv, v_j);
    }
    [[gnu::always_inline]] static void finish(const Fixed<S>& fixed, int n, const S* v, S inverse, S* to) {
        store(to, fixed.backward(load(to, n), load(v, n), inverse), n);
    }

    static void add(auto at, S* sum, Vector<S> v, int gate = 0) { at.put(sum, at.get(sum, gate) + v, gate); }
};

}  // namespace chainrule::LEVEL
