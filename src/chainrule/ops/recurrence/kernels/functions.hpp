// sigmoid and tanh, to a few units in the last place, for every number, infinity and NaN.
//
// Both come from exp(y) with y <= 0, which can't overflow. y = n ln 2 + r with |r| <= ln 2 / 2, so that
// exp(y) = 2^n (1 + p) with p = exp(r) - 1, a Taylor polynomial. tanh takes exp(y) - 1 = 2^n p + (2^n - 1), where
// nothing cancels: it is exact to the last places near zero too. The README has the measured errors.
#pragma once

#include "vectors.hpp"

namespace chainrule::LEVEL {

template <class S> struct Exponential;
template <> struct Exponential<float> {
    static constexpr int degree = 7;                 // of the polynomial: the rest is 0.2 units in the last place
    static constexpr int mantissa = 23;
    static constexpr float least = -87.0f;           // where 2^n is still a normal number
    static constexpr float round = 0x1.8p23f;        // adding it rounds to an integer, found in the low bits
    static constexpr float log2e = 0x1.715476p0f;
    static constexpr float ln2_high = 0x1.62e4p-1f;  // so short that n ln2_high is exact
    static constexpr float ln2_low = 0x1.7f7d1cp-20f;
};
template <> struct Exponential<double> {
    static constexpr int degree = 13;
    static constexpr int mantissa = 52;
    static constexpr double least = -708.0;
    static constexpr double round = 0x1.8p52;
    static constexpr double log2e = 0x1.71547652b82fep0;
    static constexpr double ln2_high = 0x1.62e42fefa38p-1;
    static constexpr double ln2_low = 0x1.ef35793c7673p-45;
};

template <class S> constexpr S inverse_factorial(int k) { return k < 2 ? S(1) : inverse_factorial<S>(k - 1) / S(k); }

template <class S> struct Parts {
    Vector<S> power, p;  // exp(y) = power (1 + p)
};

template <class S> inline Parts<S> exponential(Vector<S> y) {
    using E = Exponential<S>;
    y = y < E::least ? spread(E::least) : y;  // NaN compares false and stays
    const Vector<S> shifted = y * E::log2e + E::round;
    const Vector<S> n = shifted - E::round;
    const Vector<S> r = (y - n * E::ln2_high) - n * E::ln2_low;
    const Integers<S> one = bits<Integers<S>>(spread(S(1)));
    const Vector<S> power = bits<Vector<S>>((bits<Integers<S>>(shifted) << E::mantissa) + one);

    Vector<S> sum = spread(inverse_factorial<S>(E::degree));
#pragma GCC unroll 16
    for (int k = E::degree - 1; k >= 2; --k) sum = sum * r + inverse_factorial<S>(k);
    return {power, r * r * sum + r};
}

template <class S> inline Integers<S> sign(Vector<S> x) {
    return bits<Integers<S>>(x) & bits<Integers<S>>(-Vector<S>{});  // the bit of -0
}

template <class S> inline Vector<S> magnitude(Vector<S> x) {
    return bits<Vector<S>>(bits<Integers<S>>(x) ^ sign<S>(x));
}

template <class S> inline Vector<S> sigmoid(Vector<S> x) {
    const auto [power, p] = exponential<S>(-magnitude<S>(x));
    const Vector<S> e = power * p + power;
    Vector<S> numerator = x < 0 ? e : spread(S(1));
    numerator = x < Exponential<S>::least ? Vector<S>{} : numerator;
    return numerator / (e + S(1));
}

template <class S> inline Vector<S> tanh(Vector<S> x) {
    const auto [power, p] = exponential<S>(S(-2) * magnitude<S>(x));
    const Vector<S> e = power * p + (power - S(1));
    return bits<Vector<S>>(bits<Integers<S>>(magnitude<S>(e / (e + S(2)))) | sign<S>(x));
}

}  // namespace chainrule::LEVEL
