// The cells: one step for one vector of hidden units, and its backward step, in the symbols of the README.
#pragma once

#include "functions.hpp"
#include "../../../compiled/factors.hpp"

namespace chainrule::LEVEL {

// Where a vector of units lies in a row that holds H numbers a gate, and how many of its lanes are real: all, if whole.
template <bool whole> struct Units {
    int64_t H, j;
    int n;
    template <class S> Vector<S> get(const S* row, int gate = 0) const {
        if constexpr (whole) return load(row + gate * H + j);
        else return load(row + gate * H + j, n);
    }
    template <class S> void put(S* row, Vector<S> v, int gate = 0) const {
        if constexpr (whole) store(row + gate * H + j, v);
        else store(row + gate * H + j, v, n);
    }
    template <class M> void put_factors(Number<M>* row, Vector<Number<M>> v) const {
        LEVEL::put_factors<M>(row, j, v, whole ? lanes<Number<M>> : n);
    }
};

// Call visit(at) with where vector u of H units lies.
template <class S, class Visit> [[gnu::always_inline]] inline void visit_units(int64_t u, int64_t H, Visit visit) {
    const int64_t j = u * lanes<S>;
    if (H - j >= lanes<S>) visit(Units<true>{H, j, lanes<S>});
    else visit(Units<false>{H, j, int(H - j)});
}

// What one row of the batch has at one step; see Call for the meaning of each.
template <class S> struct Row {
    S *gates, *q;  // gates: gx, until `step` replaces it
    bool keep;     // whether `step` leaves gates and q for the backward pass
};

template <class S> struct State {
    Vector<S> h, c;
};

template <class S> struct Tanh {
    static Vector<S> f(Vector<S> a) { return tanh<S>(a); }
    static Vector<S> slope(Vector<S> h) { return S(1) - h * h; }
};

template <class S> struct Relu {
    static Vector<S> f(Vector<S> a) { return a < 0 ? Vector<S>{} : a; }
    static Vector<S> slope(Vector<S> h) { return h > 0 ? spread(S(1)) : Vector<S>{}; }
};

// Each cell has: the number of its gates; whether it has a c and a q; `step`, which turns gh, the state and the row's gx
// into the new state; `step_backward`, which turns the gradient of the new state into those of the products, in `d`,
// and into what reaches the old state directly, not through W_hh.
//
// `early` of its gates, the first ones, may come before the others: then W_hh is two products. The first one's is
// made of h_{t-1}; `reset` turns it into those gates and into s, which the second one multiplies, and `step` sees the
// second one's gh alone. Backward, `step_backward` leaves out what comes through s, and `reset_backward` adds it.
//
// d, the gradients of gx and gh, is `wide` times H numbers. They share what is equal: dgx begins at dgx * H, dgh at 0, and the
// k-th H numbers of dgh belong to gate dgh_gate(k). Those of dgx are in the order of the gates.

// h_t = f(gx + gh)
template <class S, class F> struct Rnn {
    static constexpr int gates = 1, early = 0, wide = 1, dgx = 0;
    static constexpr bool has_c = false, has_q = false;
    static constexpr int dgh_gate(int k) { return k; }

    template <class At>
    [[gnu::always_inline]] static void step(At at, const Vector<S>* gh, State<S>& s, const Row<S>& row) {
        s.h = F::f(gh[0] + at.get(row.gates));
        if (row.keep) at.put(row.gates, s.h);
    }

    template <class At>
    [[gnu::always_inline]] static void step_backward(At at, State<S>, State<S>& dstate, const Row<S>& row, S* d) {
        at.put(d, dstate.h * F::slope(at.get(row.gates)));
        dstate.h = Vector<S>{};
    }
};

// r, z = sigmoid(gx_rz + gh_rz), q = gh_n, n = tanh(gx_n + r q), h_t = n + z (h_{t-1} - n)
template <class S> struct Gru {
    static constexpr int gates = 3, early = 0, wide = 4, dgx = 1;  // dq, dr, dz, dn
    static constexpr bool has_c = false, has_q = true;
    static constexpr int dgh_gate(int k) { return (k + 2) % 3; }

    template <class At>
    [[gnu::always_inline]] static void step(At at, const Vector<S>* gh, State<S>& s, const Row<S>& row) {
        const Vector<S> r = sigmoid<S>(gh[0] + at.get(row.gates, 0));
        const Vector<S> z = sigmoid<S>(gh[1] + at.get(row.gates, 1));
        const Vector<S> q = gh[2];
        const Vector<S> n = tanh<S>(r * q + at.get(row.gates, 2));
        s.h = z * (s.h - n) + n;
        if (!row.keep) return;
        at.put(row.gates, r, 0);
        at.put(row.gates, z, 1);
        at.put(row.gates, n, 2);
        at.put(row.q, q);
    }

    template <class At>
    [[gnu::always_inline]] static void step_backward(At at, State<S> start, State<S>& dstate, const Row<S>& row, S* d) {
        const Vector<S> r = at.get(row.gates, 0), z = at.get(row.gates, 1), n = at.get(row.gates, 2);
        const Vector<S> dn = dstate.h * (S(1) - z) * (S(1) - n * n);
        at.put(d, dn * r, 0);
        at.put(d, dn * at.get(row.q) * (r * (S(1) - r)), 1);
        at.put(d, dstate.h * (start.h - n) * (z * (S(1) - z)), 2);
        at.put(d, dn, 3);
        dstate.h *= z;
    }
};

// r, z = sigmoid(gx_rz + gh_rz), s = r h_{t-1}, n = tanh(gx_n + W_hn s), h_t = n + z (h_{t-1} - n)
template <class S> struct GruResetBefore {
    static constexpr int gates = 3, early = 2, wide = 3, dgx = 0;
    static constexpr bool has_c = false, has_q = false;
    static constexpr int dgh_gate(int k) { return k; }

    template <class At>
    [[gnu::always_inline]] static Vector<S> reset(At at, const Vector<S>* gh, Vector<S> h, const Row<S>& row) {
        const Vector<S> r = sigmoid<S>(gh[0] + at.get(row.gates, 0));
        at.put(row.gates, sigmoid<S>(gh[1] + at.get(row.gates, 1)), 1);
        if (row.keep) at.put(row.gates, r, 0);
        return r * h;
    }

    template <class At>
    [[gnu::always_inline]] static void step(At at, const Vector<S>* gh, State<S>& s, const Row<S>& row) {
        const Vector<S> z = at.get(row.gates, 1), n = tanh<S>(gh[0] + at.get(row.gates, 2));
        s.h = z * (s.h - n) + n;
        if (row.keep) at.put(row.gates, n, 2);
    }

    template <class At>
    [[gnu::always_inline]] static void step_backward(At at, State<S> start, State<S>& dstate, const Row<S>& row, S* d) {
        const Vector<S> z = at.get(row.gates, 1), n = at.get(row.gates, 2);
        at.put(d, dstate.h * (start.h - n) * (z * (S(1) - z)), 1);
        at.put(d, dstate.h * (S(1) - z) * (S(1) - n * n), 2);
        dstate.h *= z;
    }

    // From ds: what reaches the old state through it.
    template <class At>
    [[gnu::always_inline]] static Vector<S> reset_backward(At at, Vector<S> ds, Vector<S> h, const Row<S>& row, S* d) {
        const Vector<S> r = at.get(row.gates, 0);
        at.put(d, ds * h * (r * (S(1) - r)), 0);
        return ds * r;
    }
};

// i, f, g, o = gates(gx + gh), c_t = f c_{t-1} + i g, h_t = o tanh(c_t)
template <class S> struct Lstm {
    static constexpr int gates = 4, early = 0, wide = 4, dgx = 0;
    static constexpr bool has_c = true, has_q = false;
    static constexpr int dgh_gate(int k) { return k; }

    template <class At>
    [[gnu::always_inline]] static void step(At at, const Vector<S>* gh, State<S>& s, const Row<S>& row) {
        const Vector<S> i = sigmoid<S>(gh[0] + at.get(row.gates, 0));
        const Vector<S> f = sigmoid<S>(gh[1] + at.get(row.gates, 1));
        const Vector<S> g = tanh<S>(gh[2] + at.get(row.gates, 2));
        const Vector<S> o = sigmoid<S>(gh[3] + at.get(row.gates, 3));
        s.c = f * s.c + i * g;
        s.h = o * tanh<S>(s.c);
        if (!row.keep) return;
        at.put(row.gates, i, 0);
        at.put(row.gates, f, 1);
        at.put(row.gates, g, 2);
        at.put(row.gates, o, 3);
    }

    template <class At>
    [[gnu::always_inline]] static void step_backward(At at, State<S> start, State<S>& dstate, const Row<S>& row, S* d) {
        const Vector<S> i = at.get(row.gates, 0), f = at.get(row.gates, 1);
        const Vector<S> g = at.get(row.gates, 2), o = at.get(row.gates, 3);
        const Vector<S> tanh_c = tanh<S>(f * start.c + i * g);
        const Vector<S> dc = dstate.h * (o * (S(1) - tanh_c * tanh_c)) + dstate.c;
        at.put(d, dc * (g * (i * (S(1) - i))), 0);
        at.put(d, dc * (start.c * (f * (S(1) - f))), 1);
        at.put(d, dc * (i * (S(1) - g * g)), 2);
        at.put(d, dstate.h * (tanh_c * (o * (S(1) - o))), 3);
        dstate.c = dc * f;
        dstate.h = Vector<S>{};
    }
};

// A cell with the options of options.hpp: another type, so that without them nothing is paid.
template <class C> struct Optioned : C {};
template <class C> inline constexpr bool optioned = false;
template <class C> inline constexpr bool optioned<Optioned<C>> = true;

}  // namespace chainrule::LEVEL
