// A trie as arrays in one order, so that equal counts are equal arrays: the shorter n-grams first, then by their parents
// and symbols. Parents are numbered as nodes are.
#pragma once

#include <string>

#include "trie.hpp"

namespace chainrule {

inline void write(const Trie& trie, int32_t* parents, int32_t* symbols, int32_t* counts) {
    std::vector<uint32_t> level{root, start};
    uint32_t first = 0;  // the number of the level's first node
    uint32_t next = first_entry;
    while (!level.empty()) {
        std::vector<uint32_t> longer;
        for (size_t k = 0; k < level.size(); ++k) {
            const size_t begin = longer.size();
            for (uint32_t i = trie[level[k]].successor; i != none; i = trie[i].sibling) longer.push_back(i);
            std::sort(longer.begin() + int64_t(begin), longer.end(),
                      [&](uint32_t a, uint32_t b) { return trie[a].symbol < trie[b].symbol; });
            for (size_t i = begin; i < longer.size(); ++i) {
                *parents++ = int32_t(first + k);
                *symbols++ = int32_t(trie[longer[i]].symbol);
                *counts++ = int32_t(trie[longer[i]].count);
            }
        }
        first = next;
        next += uint32_t(longer.size());
        level = std::move(longer);
    }
}

// Fill an empty trie. What no trie can have written is refused, so that nothing beyond it is ever read.
inline void read(Trie& trie, int64_t size, const int32_t* parents, const int32_t* symbols, const int32_t* counts) {
    std::vector<uint8_t> lengths{0, 1};
    const auto refuse = [](int64_t i, const char* what) {
        throw std::invalid_argument("n-gram " + std::to_string(i) + " " + what);
    };
    for (int64_t i = 0; i < size; ++i) {
        if (parents[i] < (i ? parents[i - 1] : 0) || parents[i] >= i + first_entry) refuse(i, "has a parent out of order");
        if (symbols[i] < 0 || uint32_t(symbols[i]) >= trie.symbols()) refuse(i, "has a symbol outside the alphabet");
        if (i && parents[i] == parents[i - 1] && symbols[i] <= symbols[i - 1]) refuse(i, "has a symbol out of order");
        const auto parent = uint32_t(parents[i]);
        if (counts[i] < 1 || uint32_t(counts[i]) > most_counted - trie[parent].total) refuse(i, "has a count out of range");
        if (lengths[parent] >= trie.order()) refuse(i, "is longer than the order");
        lengths.push_back(uint8_t(lengths[parent] + 1));
        trie.add(parent, uint32_t(symbols[i]), uint32_t(counts[i]));
    }
}

}  // namespace chainrule
