// Counts of n-grams: a trie from their oldest symbol on, whose edges lie in one hash table by (node, symbol), both exact.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace chainrule {

inline constexpr uint32_t none = UINT32_MAX;
inline constexpr uint32_t root = 0;            // the empty context
inline constexpr uint32_t start = 1;           // the context of a document's first symbol
inline constexpr uint32_t first_entry = 2;     // the nodes from here on are n-grams
inline constexpr uint32_t most_counted = INT32_MAX;  // of a context; it is not counted on
inline constexpr int most_order = 32;

// An n-gram: what was counted of it, and, as the context of what follows it, of its successors.
struct Node {
    uint32_t parent;    // the n-gram without its last symbol
    uint32_t symbol;    // the last symbol
    uint32_t count;
    uint32_t sibling;   // the next successor of the parent, in no order
    uint32_t successor = none;  // the first of its own
    uint32_t total = 0;         // the sum of its successors' counts,
    uint32_t distinct = 0;      // how many they are,
    uint32_t once = 0;          // how many of them were counted once,
    uint32_t twice = 0;         // and twice
};

// The nodes of the last d symbols by d, from none to order - 1 of them, or as far back as the document goes.
struct Contexts {
    std::array<uint32_t, most_order> at;
    int depth;
};

// The n-gram of a context and the symbol that follows it, for every context.
using Found = std::array<uint32_t, most_order>;

class Trie {
    struct Slot {
        uint32_t node;
        uint32_t tag;  // of the hash, so that another n-gram is rarely looked at
    };

    int order_;
    uint32_t symbols_;
    uint64_t limit_;
    uint64_t left_out_ = 0;
    std::vector<Node> nodes_;
    std::vector<Slot> slots_;
    int shift_ = 54;

    static uint64_t hash(uint32_t parent, uint32_t symbol) {
        uint64_t h = (uint64_t(parent) << 32 | symbol) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
        return h * 0xBF58476D1CE4E5B9u;
    }

    void place(uint32_t node, uint64_t h) {
        const size_t mask = slots_.size() - 1;
        size_t at = h >> shift_;
        while (slots_[at].node != none) at = (at + 1) & mask;
        slots_[at] = {.node = node, .tag = uint32_t(h)};
    }

    void grow() {
        slots_.assign(slots_.size() * 2, {.node = none, .tag = 0});
        --shift_;
        for (uint32_t i = first_entry; i < nodes_.size(); ++i) place(i, hash(nodes_[i].parent, nodes_[i].symbol));
    }

public:
    Trie(int order, uint32_t symbols, uint64_t limit) : order_(order), symbols_(symbols), limit_(limit) {
        if (order < 1 || order > most_order) throw std::invalid_argument("the order is out of range");
        if (symbols < 1 || symbols > INT32_MAX - 1) throw std::invalid_argument("the number of symbols is out of range");
        if (limit > uint64_t(INT32_MAX)) throw std::invalid_argument("the limit is out of range");
        slots_.assign(size_t(1) << (64 - shift_), {.node = none, .tag = 0});
        nodes_.push_back({.parent = none, .symbol = 0, .count = 0, .sibling = none});
        nodes_.push_back({.parent = root, .symbol = symbols, .count = 0, .sibling = none});
    }

    int order() const { return order_; }
    uint32_t symbols() const { return symbols_; }
    uint64_t size() const { return nodes_.size() - first_entry; }
    uint64_t left_out() const { return left_out_; }  // how often an n-gram was not taken up, for lack of room
    const std::vector<Node>& nodes() const { return nodes_; }
    const Node& operator[](uint32_t node) const { return nodes_[node]; }

    uint32_t find(uint32_t parent, uint32_t symbol) const {
        const uint64_t h = hash(parent, symbol);
        const size_t mask = slots_.size() - 1;
        for (size_t at = h >> shift_; slots_[at].node != none; at = (at + 1) & mask) {
            if (slots_[at].tag != uint32_t(h)) continue;
            const Node& node = nodes_[slots_[at].node];
            if (node.parent == parent && node.symbol == symbol) return slots_[at].node;
        }
        return none;
    }

    // A new n-gram, which is not there yet.
    uint32_t add(uint32_t parent, uint32_t symbol, uint32_t count) {
        if ((nodes_.size() + 1) * 4 > slots_.size() * 3) grow();
        const auto added = uint32_t(nodes_.size());
        nodes_.push_back({.parent = parent, .symbol = symbol, .count = count, .sibling = nodes_[parent].successor});
        place(added, hash(parent, symbol));
        Node& context = nodes_[parent];
        context.successor = added;
        context.total += count;
        context.distinct += 1;
        context.once += count == 1;
        context.twice += count == 2;
        return added;
    }

    void raise(uint32_t entry) {
        const uint32_t count = ++nodes_[entry].count;
        Node& context = nodes_[nodes_[entry].parent];
        context.total += 1;
        context.once -= count == 2;
        context.twice += (count == 2) - (count == 3);
    }

    Contexts cold() const {
        Contexts contexts;
        contexts.at[0] = root, contexts.at[1] = start;
        contexts.depth = std::min(1, order_ - 1);
        return contexts;
    }

    // After the `width` symbols of a window, the oldest first; the start symbol and what is before it stand for none.
    Contexts after(const int64_t* window, int64_t width) const {
        Contexts contexts;
        contexts.at[0] = root;
        for (int d = 1;; ++d) {
            contexts.depth = d - 1;
            if (d > width || d >= order_) return contexts;
            const bool begins = uint64_t(window[width - d]) >= symbols_;
            uint32_t node = begins ? start : root;
            for (int64_t t = width - d + begins; t < width && node != none; ++t) node = find(node, uint32_t(window[t]));
            contexts.at[size_t(d)] = node;
            if (begins) return contexts.depth = d, contexts;
        }
    }

    Found followed(const Contexts& contexts, uint32_t symbol) const {
        Found found;
        for (int d = 0; d <= contexts.depth; ++d) {
            const uint32_t context = contexts.at[size_t(d)];
            found[size_t(d)] = context == none ? none : find(context, symbol);
        }
        return found;
    }

    // Count a symbol, from its longest context down to the first that it is known to follow. A context's successors so
    // have the counts of Kneser and Ney: how often each was seen, and in shorter contexts after how many different
    // symbols before these. Where there is no room for another n-gram it is left out.
    void count(const Contexts& contexts, uint32_t symbol, Found& found) {
        for (int d = contexts.depth; d >= 0; --d) {
            const uint32_t context = contexts.at[size_t(d)];
            if (context == none) continue;
            if (nodes_[context].total == most_counted) return;
            uint32_t& entry = found[size_t(d)];
            if (entry != none) return raise(entry);
            if (size() < limit_) {
                entry = add(context, symbol, 1);
            } else {
                ++left_out_;
            }
        }
    }

    void advance(Contexts& contexts, const Found& found) const {
        contexts.depth = std::min(contexts.depth + 1, order_ - 1);
        for (int d = contexts.depth; d > 0; --d) contexts.at[size_t(d)] = found[size_t(d) - 1];
    }
};

}  // namespace chainrule
