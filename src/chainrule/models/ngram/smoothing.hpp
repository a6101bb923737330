// Probabilities from counts: interpolated modified Kneser-Ney, with a concentration beside the discounts.
#pragma once

#include <cmath>

#include "trie.hpp"

namespace chainrule {

// Of contexts of one length: what is taken off counts of one, two and more, and the concentration.
struct Discounts {
    double one, two, more, concentration;

    double off(uint32_t count) const { return count > 2 ? more : count == 2 ? two : count == 1 ? one : 0.0; }
};

// What a context gives: (count - discount) / scale to its successors, and escape times what the shorter one gives.
struct Share {
    double scale, escape;

    Share(const Node& context, const Discounts& discounts) {
        const double more = double(context.distinct) - context.once - context.twice;
        scale = context.total + discounts.concentration;
        escape = discounts.one * context.once + discounts.two * context.twice + discounts.more * more;
        escape = (escape + discounts.concentration) / scale;
    }
};

inline double probability(const Trie& trie, const Contexts& contexts, const Found& found, const Discounts* discounts) {
    double p = 1.0 / trie.symbols();
    for (int d = 0; d <= contexts.depth; ++d) {
        const uint32_t context = contexts.at[size_t(d)];
        if (context == none || trie[context].total == 0) continue;
        const uint32_t entry = found[size_t(d)];
        const uint32_t count = entry == none ? 0 : trie[entry].count;
        const Share share(trie[context], discounts[d]);
        p = (count - discounts[d].off(count)) / share.scale + share.escape * p;
    }
    return p;
}

// Of all symbols: p (V).
inline void distribution(const Trie& trie, const Contexts& contexts, const Discounts* discounts, double* p) {
    const size_t V = trie.symbols();
    std::fill_n(p, V, 1.0 / double(V));
    for (int d = 0; d <= contexts.depth; ++d) {
        const uint32_t context = contexts.at[size_t(d)];
        if (context == none || trie[context].total == 0) continue;
        const Share share(trie[context], discounts[d]);
        for (size_t v = 0; v < V; ++v) p[v] *= share.escape;
        for (uint32_t i = trie[context].successor; i != none; i = trie[i].sibling)
            p[trie[i].symbol] += (trie[i].count - discounts[d].off(trie[i].count)) / share.scale;
    }
}

// What is known before a symbol, by the length of the context, from one symbol on: log(1 + c) of what was counted in it, log(1 + n) of how
// many different symbols, and its escape; zeros where it is not known: (depths, 3).
inline void by_depth(const Trie& trie, const Contexts& contexts, const Discounts* discounts, int depths, double* out) {
    std::fill_n(out, depths * 3, 0.0);
    for (int d = 1; d <= std::min(depths, contexts.depth); ++d, out += 3) {
        const uint32_t context = contexts.at[size_t(d)];
        if (context == none || trie[context].total == 0) continue;
        out[0] = std::log1p(trie[context].total);
        out[1] = std::log1p(trie[context].distinct);
        out[2] = Share(trie[context], discounts[d]).escape;
    }
}

}  // namespace chainrule
