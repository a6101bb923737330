// Layer normalisation of a row, v^ = (v - mean) / s, and its backward step, as the README derives them.
#pragma once

#include <cmath>

#include "../../compiled/vectors.hpp"

namespace chainrule::LEVEL {

template <class S> inline constexpr S epsilon = S(1e-5);

// Calls each(j, n) for the vectors of a row: at j, of which n lanes are real.
template <class S, class Each> void each_vector(int64_t size, Each each) {
    int64_t j = 0;
    for (; j + lanes<S> <= size; j += lanes<S>) each(j, lanes<S>);
    if (j < size) each(j, int(size - j));
}

template <class S> S total(Vector<S> v) {
    S sum = 0;
    for (int i = 0; i < lanes<S>; ++i) sum += v[i];
    return sum;
}

// The first n lanes; the others are zero, as a load leaves them.
template <class S> Vector<S> first(Vector<S> v, int n) {
    for (int i = n; i < lanes<S>; ++i) v[i] = 0;
    return v;
}

template <class S> struct Moments {
    S mean, inverse;  // 1 / s
    Moments(const S* v, int64_t size) {
        Vector<S> sum{}, squares{};
        each_vector<S>(size, [&](int64_t j, int n) { sum += load(v + j, n); });
        mean = total<S>(sum) / S(size);
        each_vector<S>(size, [&](int64_t j, int n) {
            const Vector<S> centred = first<S>(load(v + j, n) - mean, n);
            squares += centred * centred;
        });
        inverse = 1 / std::sqrt(total<S>(squares) / S(size) + epsilon<S>);
    }
};

// v^ in the place of v; returns 1 / s.
template <class S> S normalise(S* v, int64_t size) {
    const Moments<S> moments(v, size);
    each_vector<S>(size, [&](int64_t j, int n) {
        store(v + j, (load(v + j, n) - moments.mean) * moments.inverse, n);
    });
    return moments.inverse;
}

// The part of dv^ that v^ does not follow: the means of dv^ and of dv^ v^, gathered a vector at a time.
template <class S> struct Fixed {
    Vector<S> sum{}, product{};
    void add(Vector<S> d, Vector<S> v) {
        sum += d;
        product += d * v;
    }
    void close(int64_t size) {
        sum = spread(total<S>(sum) / S(size));
        product = spread(total<S>(product) / S(size));
    }
    Vector<S> backward(Vector<S> d, Vector<S> v, S inverse) const { return inverse * (d - sum - v * product); }
};

}  // namespace chainrule::LEVEL
