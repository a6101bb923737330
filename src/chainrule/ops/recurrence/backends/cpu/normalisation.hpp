// Layer normalisation of a row, v^ = (v - mean) / s, and its backward step, as the README derives them.
#pragma once

#include <cmath>

#include "../../../compiled/vectors.hpp"

namespace chainrule::LEVEL {

template <class S> inline constexpr S epsilon = S(1e-5);

inline constexpr int ways = 4;  // sums side by side, as one alone waits for each addition

// Calls each(way, j, n) for the vectors of a row: at j, of which n lanes are real, with neighbours on different ways, each
// written out, so that the compiler keeps an array of sums in registers.
template <class S, class Each> [[gnu::always_inline]] inline void each_vector(int64_t size, Each each) {
    static_assert(ways == 4);
    int64_t j = 0;
    for (; j + ways * lanes<S> <= size; j += ways * lanes<S>) {
        each(0, j, lanes<S>);
        each(1, j + lanes<S>, lanes<S>);
        each(2, j + 2 * lanes<S>, lanes<S>);
        each(3, j + 3 * lanes<S>, lanes<S>);
    }
    for (; j + lanes<S> <= size; j += lanes<S>) each(0, j, lanes<S>);
    if (j < size) each(0, j, int(size - j));
}

// The sum of all lanes of all ways.
template <class S> [[gnu::always_inline]] inline S total(const Vector<S> (&v)[ways]) {
    return lanes_total<S>((v[0] + v[1]) + (v[2] + v[3]));
}

// The first n lanes; the others are zero, as a load leaves them.
template <class S> [[gnu::always_inline]] inline Vector<S> first(Vector<S> v, int n) {
    if (n == lanes<S>) return v;
    for (int i = n; i < lanes<S>; ++i) v[i] = 0;
    return v;
}

template <class S> struct Moments {
    S mean, inverse;  // 1 / s
    [[gnu::always_inline]] Moments(const S* v, int64_t size) {
        Vector<S> sums[ways]{}, squares[ways]{};
        each_vector<S>(size, [&](int way, int64_t j, int n) __attribute__((always_inline)) {
            sums[way] += load(v + j, n);
        });
        mean = total<S>(sums) / S(size);
        const Vector<S> centre = spread(mean);
        each_vector<S>(size, [&](int way, int64_t j, int n) __attribute__((always_inline)) {
            const Vector<S> centred = first<S>(load(v + j, n) - centre, n);
            squares[way] += centred * centred;
        });
        inverse = 1 / std::sqrt(total<S>(squares) / S(size) + epsilon<S>);
    }
    [[gnu::always_inline]] Vector<S> normalised(Vector<S> v) const { return (v - mean) * inverse; }
};

// The part of dv^ that v^ does not follow: the means of dv^ and of dv^ v^, gathered a vector at a time.
template <class S> struct Fixed {
    Vector<S> sums[ways]{}, products[ways]{};
    S sum, product;
    [[gnu::always_inline]] void add(int way, Vector<S> d, Vector<S> v) {
        sums[way] += d;
        products[way] += d * v;
    }
    [[gnu::always_inline]] void close(int64_t size) {
        sum = total<S>(sums) / S(size);
        product = total<S>(products) / S(size);
    }
    [[gnu::always_inline]] Vector<S> backward(Vector<S> d, Vector<S> v, S inverse) const {
        return inverse * (d - sum - v * product);
    }
};

}  // namespace chainrule::LEVEL
