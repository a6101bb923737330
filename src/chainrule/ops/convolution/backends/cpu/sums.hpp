// The sum of all lanes, of many vectors at once.
#pragma once

#include <utility>

#include "../../../compiled/vectors.hpp"

namespace chainrule::LEVEL {

// In each group of 2 h lanes: the sums of a's lower and upper h, then those of b's.
template <class S, int h, size_t... i> inline Vector<S> fold(Vector<S> a, Vector<S> b, std::index_sequence<i...>) {
    constexpr int L = lanes<S>;
    constexpr auto lower = [](int lane) { return lane / (2 * h) * 2 * h + lane % h + (lane % (2 * h) < h ? 0 : L); };
    return __builtin_shufflevector(a, b, lower(int(i))...) + __builtin_shufflevector(a, b, lower(int(i)) + h...);
}

// Lane `lane` of folded vector k holds the sum of number k * lanes + in_lane(lane): its bits in reverse order.
template <class S> constexpr int in_lane(int lane) {
    int number = 0;
    for (int bit = 1, other = lanes<S> / 2; bit < lanes<S>; bit *= 2, other /= 2)
        if (lane & bit) number |= other;
    return number;
}

// What is left of add_lanes for sums over groups of 2 h lanes.
template <class S, int h, int n> inline void add_folded(const Vector<S> (&v)[n], S* to) {
    if constexpr (h == 0) {
#pragma GCC unroll 32
        for (int k = 0; k < n; ++k) store(to + k * lanes<S>, load(to + k * lanes<S>) + v[k]);
    } else {
        constexpr int m = (n + 1) / 2;
        Vector<S> folded[m];
#pragma GCC unroll 32
        for (int i = 0; i < m; ++i)
            folded[i] = fold<S, h>(v[2 * i], 2 * i + 1 < n ? v[2 * i + 1] : Vector<S>{},
                                   std::make_index_sequence<size_t(lanes<S>)>());
        add_folded<S, h / 2>(folded, to);
    }
}

// to[k] += the sums of the lanes of v[k * lanes] and those that follow, in the order of in_lane
template <class S, int n> inline void add_lanes(const Vector<S> (&v)[n], S* to) { add_folded<S, lanes<S> / 2>(v, to); }

}  // namespace chainrule::LEVEL
