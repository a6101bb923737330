// Layer normalisation, peepholes and zoneout: a step of one row of the batch, and its backward step.
//
// Normalising needs a whole row before any gate, so that here the product is written, not used in registers. Which
// options are used is seen by their pointers.
#pragma once

#include "chunks.hpp"

namespace chainrule::LEVEL {

// m old + (1 - m) made; of the gradient, what goes to the made value and what to the old one.
template <class S> struct Zoneout {
    const bool* keep;
    S rate;
    bool used() const { return keep || rate != 0; }
    Vector<S> mix(auto at, Vector<S> old, Vector<S> made) const {
        if (keep) return mask(at) ? old : made;
        return rate == 0 ? made : rate * old + (1 - rate) * made;
    }
    Vector<S> to_made(auto at, Vector<S> d) const { return mix(at, Vector<S>{}, d); }
    Vector<S> to_old(auto at, Vector<S> d) const { return mix(at, d, Vector<S>{}); }

private:
    Integers<S> mask(auto at) const {
        typedef int8_t Bytes __attribute__((vector_size(lanes<S>)));
        Bytes bytes{};
        std::memcpy(&bytes, keep + at.j, size_t(at.n));
        return __builtin_convertvector(bytes, Integers<S>) != 0;
    }
};

template <class C, class M> struct OptionedRow : Pass<C, M> {
    using P = Pass<C, M>;
    using S = Number<M>;
    using P::call, P::H, P::H_words, P::G, P::T, P::early, P::late, P::products;
    const S *g_ih = this->numbers(call.g_ih), *g_hh = this->numbers(call.g_hh), *b_hh = this->numbers(call.b_hh);
    const S *g_c = this->numbers(call.g_c), *b_c = this->numbers(call.b_c), *p = this->numbers(call.p);

    explicit OptionedRow(const Call& from) : P{from} {}

    Zoneout<S> zoneout(const bool* keep, double rate, int64_t b, int64_t t) const {
        return {keep ? keep + (b * T + t) * H : nullptr, S(rate)};
    }
    template <class Each> void each_units(Each each) const {
        for (int64_t u = 0; u < vectors<S>(H); ++u) visit_units<S>(u, H, each);
    }

    // Of the product of some gates, where it is normalised.
    Moments<S> moments(const S* product, int begin, int end) const {
        return {product + begin * H, g_hh ? (end - begin) * H : 0};
    }

    // gh of a gate: W_hh h + b_hh as it is, or of the normalised product, which takes its place.
    Vector<S> gh(auto at, S* product, int gate, const Moments<S>& moments) const {
        const Vector<S> v = at.get(product, gate);
        if (!g_hh) return v;
        const Vector<S> normalised = moments.normalised(v), scaled = normalised * at.get(g_hh, gate);
        at.put(product, normalised, gate);
        return b_hh ? scaled + at.get(b_hh, gate) : scaled;
    }

    // The product of rows of factors with the panels of some gates: to the rows of `to`.
    template <int gates, Way way> void multiply_into(S* to, Rows<S> f, int64_t rows, const S* panels) const {
        multiply<M, gates, way>(f.data, f.stride, rows, panels, H, H_words, [&](int64_t r, int64_t u, const Vector<S>* gh) {
            visit_units<S>(u, H, [&](auto at) {
                for (int gate = 0; gate < gates; ++gate) at.put(to + r * G * H, gh[gate], gate);
            });
        });
    }

    // As Pass::hidden: the products of all rows go to v, those of the early gates normalised, and their 1 / s to `inverse`.
    template <Way way, class RowOf>
    void hidden(const S* W, Rows<S> h, Rows<S> f, int64_t rows, Rows<S> s, RowOf row, S* v, S* inverse) const {
        if constexpr (early > 0) {
            multiply_into<early, way>(v, f, rows, W);
            for (int64_t r = 0; r < rows; ++r) {
                if (row(r).gates) reset(row(r), v + r * G * H, inverse + r * products, h[r], s[r]);
                else clear(s[r], H_words);
            }
            multiply_into<late, way>(v + early * H, s, rows, this->last_panels(W));
        } else {
            multiply_into<late, way>(v, f, rows, W);
        }
    }

    // The early gates of a cell that has such, and the factors that the last product multiplies.
    void reset(const Row<S>& row, S* product, S* inverse, const S* h, S* to) const {
        const Moments<S> moments = this->moments(product, 0, early);
        if (g_hh) *inverse = moments.inverse;
        each_units([&](auto at) {
            Vector<S> gates[early];
            for (int gate = 0; gate < early; ++gate) gates[gate] = gh(at, product, gate, moments);
            at.template put_factors<M>(to, C::reset(at, gates, at.get(h), row));
        });
    }

    // product: W_hh h, which its normalised values replace; their 1 / s goes to `inverse`. `made` is scratch for c. Where
    // it and h_to are null, the gates are all that is asked for.
    void forward(int64_t b, int64_t t, const Row<S>& row, S* product, S* inverse, const S* h, const S* c, S* made,
                 S* h_to, S* c_to) const {
        const Moments<S> moments = this->moments(product, early, G);
        if (g_hh) inverse[products - 1] = moments.inverse;
        const Zoneout<S> keep_h = zoneout(call.keep_h, call.rate_h, b, t);
        if constexpr (!C::has_c) {
            each_units([&](auto at) {
                Vector<S> gates[late];
                for (int gate = 0; gate < late; ++gate) gates[gate] = gh(at, product, early + gate, moments);
                State<S> state{at.get(h), {}};
                C::step(at, gates, state, row);
                if (h_to) at.put(h_to, keep_h.mix(at, at.get(h), state.h));
            });
        } else {
            each_units([&](auto at) {
                const auto enters = [&](int gate) { return gh(at, product, gate, moments) + at.get(row.gates, gate); };
                const Vector<S> old = at.get(c);
                const Vector<S> i = sigmoid<S>(p ? enters(0) + at.get(p, 0) * old : enters(0));
                const Vector<S> f = sigmoid<S>(p ? enters(1) + at.get(p, 1) * old : enters(1));
                const Vector<S> g = tanh<S>(enters(2));
                const Vector<S> c_made = f * old + i * g;
                at.put(row.gates, sigmoid<S>(p ? enters(3) + at.get(p, 2) * c_made : enters(3)), 3);
                at.put(row.gates, i, 0);
                at.put(row.gates, f, 1);
                at.put(row.gates, g, 2);
                if (made) at.put(made, c_made);
            });
            if (!h_to) return;
            const Shown shown(*this, made);
            const Zoneout<S> keep_c = zoneout(call.keep_c, call.rate_c, b, t);
            each_units([&](auto at) {
                const Vector<S> c_made = at.get(made);
                const Vector<S> h_made = at.get(row.gates, 3) * tanh<S>(shown.u(at, shown.v(at)));
                at.put(h_to, keep_h.mix(at, at.get(h), h_made));
                at.put(c_to, keep_c.mix(at, at.get(c), c_made));
            });
        }
    }

    // u, what the LSTM makes h of: c, or c normalised.
    struct Shown {
        const OptionedRow& of;
        const S* c;
        const Moments<S> moments;
        Shown(const OptionedRow& of, const S* c) : of(of), c(c), moments(c, of.g_c ? of.H : 0) {}
        Vector<S> v(auto at) const {
            return of.g_c ? moments.normalised(at.get(c)) : at.get(c);
        }
        Vector<S> u(auto at, Vector<S> v) const { return of.g_c ? v * at.get(of.g_c) + at.get(of.b_c) : v; }
    };
};

}  // namespace chainrule::LEVEL
