// Vectors of the level that this file is compiled for, by the compiler's vector extensions alone.
//
// Everything below lies in a namespace named after the level, so that the linker can't give one level the code of
// another. LEVEL is set by CMake.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

namespace chainrule::LEVEL {

#if defined(__AVX512F__)
inline constexpr int width = 64;           // bytes of a register
inline constexpr int accumulators = 24;    // registers for sums; of 32, the rest holds what is multiplied
#elif defined(__AVX__)
inline constexpr int width = 32;
inline constexpr int accumulators = 12;    // of 16
#elif defined(__aarch64__)
inline constexpr int width = 16;
inline constexpr int accumulators = 24;    // of 32
#else
inline constexpr int width = 16;
inline constexpr int accumulators = 12;    // of 16
#endif

template <class S> struct Types;
template <> struct Types<float> {
    typedef float Vector __attribute__((vector_size(width)));
    typedef int32_t Integers __attribute__((vector_size(width)));
    typedef float Unaligned __attribute__((vector_size(width), aligned(alignof(float)), may_alias));
};
template <> struct Types<double> {
    typedef double Vector __attribute__((vector_size(width)));
    typedef int64_t Integers __attribute__((vector_size(width)));
    typedef double Unaligned __attribute__((vector_size(width), aligned(alignof(double)), may_alias));
};

template <> struct Types<uint16_t> {  // bfloat16 as it lies in memory, to be copied
    typedef uint16_t Vector __attribute__((vector_size(width)));
    typedef uint16_t Unaligned __attribute__((vector_size(width), aligned(alignof(uint16_t)), may_alias));
};

template <class S> using Vector = typename Types<S>::Vector;
template <class S> using Integers = typename Types<S>::Integers;
template <class S> inline constexpr int lanes = width / int(sizeof(S));

// One number in all lanes. x - 0 is x for every x, which the compiler knows; x + 0 is not (-0).
template <class S> inline Vector<S> spread(S x) { return x - Vector<S>{}; }

template <class S> inline Vector<S> load(const S* p) { return *reinterpret_cast<const typename Types<S>::Unaligned*>(p); }

template <class S> inline void store(S* p, Vector<S> v) { *reinterpret_cast<typename Types<S>::Unaligned*>(p) = v; }

// The first n lanes: a row of hidden units seldom ends where a vector does. The other lanes are zero.
template <class S> inline Vector<S> load(const S* p, int n) {
    if (n == lanes<S>) return load(p);
    Vector<S> v{};
    for (int i = 0; i < n; ++i) v[i] = p[i];
    return v;
}

template <class S> inline void store(S* p, Vector<S> v, int n) {
    if (n == lanes<S>) return store(p, v);
    for (int i = 0; i < n; ++i) p[i] = v[i];
}

// The sum of all lanes, halves upon each other: i-th to (i ^ half)-th, so that in the end each has it.
template <class S, int half, int... i> inline S lanes_total(Vector<S> v, std::integer_sequence<int, i...> all) {
    if constexpr (half == 0) return v[0];
    else return lanes_total<S, half / 2>(v + __builtin_shufflevector(v, v, (i ^ half)...), all);
}
template <class S> inline S lanes_total(Vector<S> v) {
    return lanes_total<S, lanes<S> / 2>(v, std::make_integer_sequence<int, lanes<S>>());
}

template <class S, int h, int... i>
inline void exchange(Vector<S>& a, Vector<S>& b, std::integer_sequence<int, i...>) {
    constexpr int L = lanes<S>;
    const Vector<S> low = __builtin_shufflevector(a, b, ((i & h) ? L + i - h : i)...);
    b = __builtin_shufflevector(a, b, ((i & h) ? L + i : i + h)...);
    a = low;
}

// Lane i of vector j becomes lane j of vector i.
template <class S, int h = lanes<S> / 2> [[gnu::always_inline]] inline void transpose(Vector<S> (&v)[lanes<S>]) {
    if constexpr (h > 0) {
#pragma GCC unroll 32
        for (int i = 0; i < lanes<S>; ++i)
            if (!(i & h)) exchange<S, h>(v[i], v[i + h], std::make_integer_sequence<int, lanes<S>>());
        transpose<S, h / 2>(v);
    }
}

template <class To, class From> inline To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// The lanes whose bits are all set, the others zero.
template <class S> inline Vector<S> only(Integers<S> lanes, Vector<S> v) {
    return bits<Vector<S>>(bits<Integers<S>>(v) & lanes);
}

}  // namespace chainrule::LEVEL
