// What products multiply: numbers of the dtype, or bfloat16 to which those of float32 are rounded; sums are numbers.
//
// Factors lie in words of the size of a number: one number, or two bfloat16, the first one in the lower half. So a product
// over words is one code for both. M is the dtype of dtypes.hpp: float, double, or Bfloat16.
#pragma once

#include "dtypes.hpp"
#include "vectors.hpp"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace chainrule::LEVEL {

template <class M> struct Multiplied {
    using Number = M;
    using Stored = M;
    static constexpr int per_word = 1;
};
template <> struct Multiplied<Bfloat16> {
    using Number = float;
    using Stored = uint16_t;
    static constexpr int per_word = 2;
};
template <class M> using Number = typename Multiplied<M>::Number;
template <class M> using Stored = typename Multiplied<M>::Stored;  // as a tensor of M holds it
template <class M> inline constexpr int per_word = Multiplied<M>::per_word;
template <class M> inline constexpr bool rounds = per_word<M> > 1;

template <class M> constexpr int64_t words(int64_t numbers) { return (numbers + per_word<M> - 1) / per_word<M>; }

typedef uint32_t Words __attribute__((vector_size(width)));
typedef uint16_t Halves __attribute__((vector_size(width / 2)));

// A number's bits as bfloat16, in the upper half of the word: to the nearest, halves to the even one. What is below the least
// normal number becomes zero, as it does in the instructions for bfloat16. Bits is a uint32_t or a vector of them.
template <class Bits> inline Bits to_bfloat16(Bits b) {
    const Bits magnitude = b & 0x7fffffffu, nearest = b + 0x7fffu + ((b >> 16) & 1u);
    const Bits number = magnitude > 0x7f800000u ? b | 0x400000u : nearest;  // NaN stays one
    return (magnitude < 0x800000u ? b & 0x80000000u : number) & 0xffff0000u;
}

// Two numbers as a word.
inline Vector<float> paired(Vector<float> low, Vector<float> high) {
#if defined(__AVX512BF16__)
    const __m512i halves = bits<__m512i>(_mm512_cvtne2ps_pbh(bits<__m512>(high), bits<__m512>(low)));
    Words order;  // half i of each beside the other's
    for (uint32_t i = 0; i < 16; ++i) order[i] = i | (i + 16) << 16;
    return bits<Vector<float>>(_mm512_permutexvar_epi16(bits<__m512i>(order), halves));
#else
    return bits<Vector<float>>((to_bfloat16(bits<Words>(low)) >> 16) | to_bfloat16(bits<Words>(high)));
#endif
}

// A vector of numbers j, j + 1, ... of a row to its factors; of the last vector n lanes are real.
template <class M> inline void put_factors(Number<M>* row, int64_t j, Vector<Number<M>> v, int n) {
    if constexpr (!rounds<M>) store(row + j, v, n);
    else {
#if defined(__AVX512BF16__)
        const Halves halves = bits<Halves>(_mm512_maskz_cvtneps_pbh(__mmask16((1u << n) - 1), bits<__m512>(v)));
#else
        for (int i = n; i < lanes<float>; ++i) v[i] = 0;
        const Halves halves = __builtin_convertvector(to_bfloat16(bits<Words>(v)) >> 16, Halves);
#endif
        std::memcpy(reinterpret_cast<uint16_t*>(row) + j, &halves, size_t(words<M>(n)) * sizeof(float));
    }
}

// A row of n numbers as factors.
template <class M> inline void copy_factors(Number<M>* to, const Number<M>* from, int64_t n) {
    constexpr int L = lanes<Number<M>>;
    if constexpr (!rounds<M>) std::memcpy(to, from, size_t(n) * sizeof(*to));
    else {
        int64_t j = 0;
        for (; j + L <= n; j += L) put_factors<M>(to, j, load(from + j), L);
        if (j < n) put_factors<M>(to, j, load(from + j, int(n - j)), int(n - j));
    }
}

// n numbers of a row as a vector of factors, zeros in the lanes that are left.
template <class M> inline Vector<Number<M>> factors(const Number<M>* from, int64_t n) {
    if constexpr (!rounds<M>) return load(from, int(n));
    else {
        Vector<float> v{};
        copy_factors<M>(reinterpret_cast<float*>(&v), from, n);
        return v;
    }
}

// n halves of a row, each in a word of its own, the other words zero.
inline Words load_halves(const uint16_t* from, int n) {
    Halves halves{};
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    halves = bits<Halves>(_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), from));
#else
    if (n == lanes<float>) std::memcpy(&halves, from, sizeof halves);
    else for (int i = 0; i < n; ++i) halves[i] = from[i];
#endif
    return __builtin_convertvector(halves, Words);
}

// The lower halves of n words to a row.
inline void store_halves(uint16_t* to, Words words, int n) {
    const Halves halves = __builtin_convertvector(words, Halves);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
    _mm256_mask_storeu_epi16(to, __mmask16((1u << n) - 1), bits<__m256i>(halves));
#else
    std::memcpy(to, &halves, size_t(n) * sizeof(*to));
#endif
}

// n numbers of a row as words, the last one filled up with zero, the other words zero.
template <class M> inline Vector<Number<M>> load_words(const Stored<M>* from, int64_t n) {
    if constexpr (!rounds<M>) return load(from, int(n));
    else {
        Words v{};
#if defined(__AVX512BW__)
        v = bits<Words>(_mm512_maskz_loadu_epi16(__mmask32((uint64_t(1) << n) - 1), from));
#else
        std::memcpy(&v, from, size_t(n) * sizeof(*from));
#endif
        return bits<Vector<float>>(v);
    }
}

// The first n numbers of a vector of words to a row.
template <class M> inline void store_words(Stored<M>* to, Vector<Number<M>> v, int64_t n) {
    if constexpr (!rounds<M>) store(to, v, int(n));
    else {
#if defined(__AVX512BW__)
        _mm512_mask_storeu_epi16(to, __mmask32((uint64_t(1) << n) - 1), bits<__m512i>(v));
#else
        std::memcpy(to, &v, size_t(n) * sizeof(*to));
#endif
    }
}

// n halves of a row that lie two apart, each in a word of its own, the other words zero.
inline Words load_every_second(const uint16_t* from, int n) {
    return bits<Words>(load_words<Bfloat16>(from, 2 * n - 1)) & 0xffffu;
}

// The first n numbers of a vector of words to a row, so many apart.
template <class M> inline void store_apart(Stored<M>* to, Vector<Number<M>> v, int64_t n, int64_t pace) {
    if constexpr (!rounds<M>) {
        for (int64_t i = 0; i < n; ++i) to[i * pace] = v[i];
        return;
    } else {
        Halves halves[2];
        std::memcpy(halves, &v, sizeof v);
        for (int part = 0; part < 2; ++part, to += lanes<float> * pace, n -= lanes<float>) {
            if (n <= 0) return;
#if defined(__AVX512BW__)
            if (pace == 2) {
                const Words words = __builtin_convertvector(halves[part], Words);
                const uint64_t written = (uint64_t(1) << (n < lanes<float> ? 2 * n : 2 * lanes<float>)) - 1;
                _mm512_mask_storeu_epi16(to, __mmask32(written & 0x55555555u), bits<__m512i>(words));
                continue;
            }
#endif
            for (int i = 0; i < lanes<float> && i < n; ++i) to[i * pace] = halves[part][i];
        }
    }
}

// A number of a tensor.
template <class M> inline Number<M> number(Stored<M> stored) {
    if constexpr (!rounds<M>) return stored;
    else return bits<float>(uint32_t(stored) << 16);
}
template <class M> inline Stored<M> to_store(Number<M> number) {
    if constexpr (!rounds<M>) return number;
    else return uint16_t(to_bfloat16(bits<uint32_t>(number)) >> 16);
}

// One word in all lanes.
template <class M> inline Vector<Number<M>> spread_word(Number<M> word) {
    if constexpr (!rounds<M>) return spread(word);
    else return bits<Vector<float>>(bits<uint32_t>(word) - Words{});
}

#if !defined(__AVX512BF16__)
// What is below the least normal number becomes zero.
inline Vector<float> flushed(Vector<float> v) {
    const Words b = bits<Words>(v), flushed = (b & 0x7fffffffu) < 0x800000u ? b & 0x80000000u : b;
    return bits<Vector<float>>(flushed);
}
#endif

// sum + x w, of every word of x and w: of a pair first the upper numbers' product is added, then the lower ones', and each
// sum is rounded, as the processor's instruction does it.
template <class M>
[[gnu::always_inline]] inline Vector<Number<M>> add_product(Vector<Number<M>> sum, Vector<Number<M>> x, Vector<Number<M>> w) {
    if constexpr (!rounds<M>) return sum + x * w;
    else {
#if defined(__AVX512BF16__)
        return bits<Vector<float>>(_mm512_dpbf16_ps(bits<__m512>(sum), bits<__m512bh>(x), bits<__m512bh>(w)));
#else
        const Words a = bits<Words>(x), b = bits<Words>(w);
        const auto upper = [](Words pair) { return bits<Vector<float>>(pair & 0xffff0000u); };
        const auto lower = [](Words pair) { return bits<Vector<float>>(pair << 16); };
        return flushed(flushed(flushed(sum) + upper(a) * upper(b)) + lower(a) * lower(b));
#endif
    }
}

}  // namespace chainrule::LEVEL
