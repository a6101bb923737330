// sigmoid and tanh, to a few units in the last place, for every number, infinity and NaN.
//
// Both come from exp(y) = 2^n (1 + p) with y = n ln 2 + r, |r| <= ln 2 / 2, and p = exp(r) - 1 = r + r^2 q(r), where q is
// the minimax polynomial. tanh takes exp(y) - 1 = 2^n p + (2^n - 1), where nothing cancels: it is exact to the last
// places near zero too. The README has the measured errors.
#pragma once

#include "../../../compiled/vectors.hpp"

namespace chainrule::LEVEL {

template <class S> struct Exponential;
template <> struct Exponential<float> {
    static constexpr int mantissa = 23;
    static constexpr float least = -87.0f, most = 88.0f;  // where 2^n is a normal number
    static constexpr float round = 0x1.8p23f;             // adding it rounds to an integer, found in the low bits
    static constexpr float log2e = 0x1.715476p0f;
    static constexpr float ln2_high = 0x1.62e4p-1f;       // so short that n ln2_high is exact
    static constexpr float ln2_low = 0x1.7f7d1cp-20f;
    static constexpr float q[] = {4.9999993447796e-1f, 1.6666520631710e-1f, 4.1668388045314e-2f, 8.3687168797281e-3f,
                                  1.3814598646664e-3f};  // the error of exp is 3e-9
};
template <> struct Exponential<double> {
    static constexpr int mantissa = 52;
    static constexpr double least = -708.0, most = 709.0;
    static constexpr double round = 0x1.8p52;
    static constexpr double log2e = 0x1.71547652b82fep0;
    static constexpr double ln2_high = 0x1.62e42fefa38p-1;
    static constexpr double ln2_low = 0x1.ef35793c7673p-45;
    static constexpr double q[] = {
        0.50000000000000106271,    0.16666666666666412523,     0.04166666666653015859,    0.0083333333334944616641,
        0.0013888888943630112946,  0.00019841269506578687653,  2.4801493098906550659e-5,  2.7557586373840163694e-6,
        2.7630248379211443975e-7,  2.5000061602835666699e-8};  // 4e-18
};

// The sum of c[k] r^k for `count` terms, in halves (Estrin), which depend on each other less than Horner's steps.
// powers[i] is r to the 2^i.
template <class S, int count> [[gnu::always_inline]] inline Vector<S> polynomial(const S* c, const Vector<S>* powers) {
    if constexpr (count == 1) return spread(c[0]);
    else {
        constexpr int bits = 31 - __builtin_clz(count - 1), half = 1 << bits;
        return polynomial<S, count - half>(c + half, powers) * powers[bits] + polynomial<S, half>(c, powers);
    }
}

template <class S> struct Parts {
    Vector<S> power, p;  // exp(y) = power (1 + p)
};

template <class S> [[gnu::always_inline]] inline Parts<S> exponential(Vector<S> y) {
    using E = Exponential<S>;
    y = y < E::least ? spread(E::least) : y;  // NaN compares false and stays
    y = y > E::most ? spread(E::most) : y;
    const Vector<S> shifted = y * E::log2e + E::round;
    const Vector<S> n = shifted - E::round;
    const Vector<S> r = (y - n * E::ln2_high) - n * E::ln2_low;
    const Integers<S> one = bits<Integers<S>>(spread(S(1)));
    const Vector<S> power = bits<Vector<S>>((bits<Integers<S>>(shifted) << E::mantissa) + one);
    const Vector<S> r2 = r * r, r4 = r2 * r2, powers[] = {r, r2, r4, r4 * r4};
    return {power, r2 * polynomial<S, sizeof E::q / sizeof(S)>(E::q, powers) + r};
}

template <class S> [[gnu::always_inline]] inline Vector<S> sigmoid(Vector<S> x) {
    const auto [power, p] = exponential<S>(-x);
    const Vector<S> one = spread(S(1)), numerator = x < -Exponential<S>::most ? Vector<S>{} : one;
    return numerator / (power * p + power + one);
}

template <class S> [[gnu::always_inline]] inline Vector<S> tanh(Vector<S> x) {
    const auto [power, p] = exponential<S>(x + x);
    const Vector<S> e = power * p + (power - S(1)), y = e / (e + S(2));
    return bits<Vector<S>>(bits<Integers<S>>(y) | (bits<Integers<S>>(x) & bits<Integers<S>>(-Vector<S>{})));  // -0
}

}  // namespace chainrule::LEVEL
