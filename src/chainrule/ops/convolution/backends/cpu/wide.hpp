// What convolutions of many channels share: tiles whose lanes are output channels.
//
// A vector holds a number of each of so many channels, so that lines of any length fill it; what the other factor is,
// one word that is read where it lies, is spread over a vector. Sums stay in registers, V vectors by as many words.
#pragma once

#include <array>
#include <utility>

#include "../../../compiled/factors.hpp"
#include "reach.hpp"

namespace chainrule::LEVEL {

// Registers for sums. Where a product of words takes many instructions, fewer are as fast, and less code.
template <class M> inline constexpr int wide_sums = accumulators;
#if !defined(__AVX512BF16__)
template <> inline constexpr int wide_sums<Bfloat16> = accumulators / 3;
#endif

// Tiles have at most so many vectors of channels, and so many words spread over each.
template <class M> inline constexpr int most_wide = std::min(4, wide_sums<M> / 2);
template <class M> constexpr int most_spread(int vectors) { return std::min(12, wide_sums<M> / vectors / 2 * 2); }

template <class M, class Of, int V, int... n>
constexpr std::array<typename Of::Function, 12> wide_tiles_of(std::integer_sequence<int, n...>) {
    return {(n < most_spread<M>(V) ? &Of::template tile<V, std::min(n + 1, most_spread<M>(V))> : nullptr)...};
}

// The tile of V vectors and N words, of those that are Of::tile<V, N>.
template <class M, class Of> typename Of::Function wide_tile_for(int64_t V, int64_t N) {
    static constexpr auto tiles = []<int... v>(std::integer_sequence<int, v...>) {
        return std::array{wide_tiles_of<M, Of, v + 1>(std::make_integer_sequence<int, 12>())...};
    }(std::make_integer_sequence<int, most_wide<M>>());
    return tiles[size_t(V - 1)][size_t(N - 1)];
}

}  // namespace chainrule::LEVEL
