// What products multiply: numbers of the dtype, or bfloat16 to which those of float32 are rounded; sums are numbers.
//
// Factors lie in words of the size of a number: one number, or two bfloat16, the first one in the lower half. So a product
// over words is one code for both. M is the dtype of dtypes.hpp: float, double, or Bfloat16.
#pragma once

#include "dtypes.hpp"
#include "vectors.hpp"
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace chainrule::LEVEL {

template <class M> struct Multiplied {
    using Number = M;
    static constexpr int per_word = 1;
};
template <> struct Multiplied<Bfloat16> {
    using Number = float;
    static constexpr int per_word = 2;
};
template <class M> using Number = typename Multiplied<M>::Number;
template <class M> inline constexpr int per_word = Multiplied<M>::per_word;
template <class M> inline constexpr bool rounds = per_word<M> > 1;

template <class M> constexpr int64_t words(int64_t numbers) { return (numbers + per_word<M> - 1) / per_word<M>; }

typedef uint32_t Words __attribute__((vector_size(width)));

// A number's bits as bfloat16, in the upper half of the word: to the nearest, halves to the even one. What is below the least
// normal number becomes zero, as it does in the instructions for bfloat16. Bits is a uint32_t or a vector of them.
template <class Bits> inline Bits to_bfloat16(Bits b) {
    const Bits magnitude = b & 0x7fffffffu, nearest = b + 0x7fffu + ((b >> 16) & 1u);
    const Bits number = magnitude > 0x7f800000u ? b | 0x400000u : nearest;  // NaN stays one
    return (magnitude < 0x800000u ? b & 0x80000000u : number) & 0xffff0000u;
}

// Two numbers as a word.
inline Vector<float> paired(Vector<float> low, Vector<float> high) {
    return bits<Vector<float>>((to_bfloat16(bits<Words>(low)) >> 16) | to_bfloat16(bits<Words>(high)));
}

// The first `n` numbers at `from` as words, the last one filled up with zero.
template <class M> inline Number<M> word(const Number<M>* from, int64_t n) {
    if constexpr (!rounds<M>) return *from;
    else {
        const uint32_t low = to_bfloat16(bits<uint32_t>(from[0])) >> 16;
        return bits<float>(n > 1 ? low | to_bfloat16(bits<uint32_t>(from[1])) : low);
    }
}

// A vector of numbers j, j + 1, ... of a row to its factors; of the last vector n lanes are real.
template <class M> inline void put_factors(Number<M>* row, int64_t j, Vector<Number<M>> v, int n) {
    if constexpr (!rounds<M>) store(row + j, v, n);
    else {
        typedef uint16_t Halves __attribute__((vector_size(width / 2)));
        for (int i = n; i < lanes<float>; ++i) v[i] = 0;
        const Halves halves = __builtin_convertvector(to_bfloat16(bits<Words>(v)) >> 16, Halves);
        std::memcpy(reinterpret_cast<uint16_t*>(row) + j, &halves, size_t(words<M>(n)) * sizeof(float));
    }
}

// A row of n numbers as factors.
template <class M> inline void copy_factors(Number<M>* to, const Number<M>* from, int64_t n) {
    constexpr int L = lanes<Number<M>>;
    if constexpr (!rounds<M>) std::memcpy(to, from, size_t(n) * sizeof(*to));
    else for (int64_t j = 0; j < n; j += L) {
        const int lanes = n - j < L ? int(n - j) : L;
        put_factors<M>(to, j, load(from + j, lanes), lanes);
    }
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
