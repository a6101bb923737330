// Which numbers of a source the outputs read, and the outputs in boxes.
//
// Both correlations, x with the kernel and dy with the flipped kernel, are one here. Along each axis, output q reads
// source number step q + offset(k) for tap k, and belongs at start + pace q of the result.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "../../../compiled/vectors.hpp"
#include "call.hpp"

namespace chainrule::LEVEL {

struct Reach {
    int64_t count, step, size;        // outputs; source numbers from output to output; source numbers that there are
    int64_t taps, first, between;     // offset(k) = first + between k
    int64_t entry, entries_between;   // tap k is entry + entries_between k of the kernel
    int64_t start, pace;

    int64_t lowest(int64_t q) const { return step * q + first; }
    // How many source numbers lie from the first to the last that n outputs read.
    int64_t span(int64_t n) const { return step * (n - 1) + between * (taps - 1) + 1; }
    // The taps with which output q reads what exists: from this one on, up to the other.
    int64_t first_tap(int64_t q) const {
        return lowest(q) < 0 && between ? std::min(taps, (between - 1 - lowest(q)) / between) : 0;
    }
    int64_t end_tap(int64_t q) const {
        const int64_t room = size - lowest(q);
        return between == 0 ? taps : std::clamp<int64_t>(room > 0 ? (room - 1) / between + 1 : 0, first_tap(q), taps);
    }
};

inline Reach forward_reach(const Axis& a) {
    return {a.positions, a.stride, a.size, a.kernel, -a.before, a.dilation, 0, 1, 0, 1};
}

// dx at h = s q + phase is the sum over those i for which s divides h + before - d i: s times a position of dy.
// They are every (s / gcd(s, d))th; taken from the last one down, their positions in dy ascend.
inline Reach input_gradient_reach(const Axis& a, int64_t phase) {
    const int64_t s = a.stride, every = s / std::gcd(s, a.dilation);
    int64_t i = 0;
    while (i < std::min(every, a.kernel) && (phase + a.before - a.dilation * i) % s != 0) ++i;
    const int64_t taps = i < std::min(every, a.kernel) ? (a.kernel - 1 - i) / every + 1 : 0;
    const int64_t last = i + (taps - 1) * every;
    const int64_t count = (a.size - phase + s - 1) / s;
    return {count, 1, a.positions, taps, taps ? (phase + a.before - a.dilation * last) / s : 0,
            taps ? a.dilation * every / s : 0, last, -every, phase, s};
}

// A box of outputs: along axis a those from begin[a], length[a] of them.
struct Box {
    int64_t begin[3], length[3];
    bool operator==(const Box&) const = default;
};

// A whole number of pieces that differ by at most one.
struct Split {
    int64_t count, pieces;
    Split(int64_t count, int64_t most) : count(count), pieces((count + most - 1) / most) {}
    int64_t begin(int64_t i) const { return count * i / pieces; }
    int64_t longest() const { return pieces ? (count + pieces - 1) / pieces : 0; }
};

// How long boxes are: so short that the window of one, of all channels, stays in the caches. They hold about
// `positions` outputs, and their windows about `budget` numbers at most.
struct BoxSize {
    int64_t n[3] = {1, 1, 1};

    BoxSize(const Reach (&reach)[3], int64_t channels, int64_t least, int64_t positions, int64_t budget) {
        const auto window = [&] { return channels * reach[0].span(n[0]) * reach[1].span(n[1]) * reach[2].span(n[2]); };
        n[2] = std::min(reach[2].count, positions);
        while (n[2] > 2 * least && window() > budget) n[2] = std::max(2 * least, n[2] / 2);
        n[2] = Split(reach[2].count, n[2]).longest();
        for (const int a : {1, 0})
            while (n[a] < reach[a].count) {
                const int64_t before = n[a];
                n[a] = std::min(2 * before, reach[a].count);
                if (window() <= budget && n[0] * n[1] * n[2] <= positions) continue;
                n[a] = before;
                break;
            }
    }

    // How many rows a box may hold: more than one where it holds all outputs of a row.
    int64_t rows(const Reach (&reach)[3], int64_t channels, int64_t B, int64_t positions, int64_t budget) const {
        for (int a = 0; a < 3; ++a)
            if (n[a] < reach[a].count) return 1;
        const int64_t window = channels * reach[0].span(n[0]) * reach[1].span(n[1]) * reach[2].span(n[2]);
        const int64_t fit = std::min(positions / (n[0] * n[1] * n[2]), budget / window);
        return std::clamp<int64_t>(fit, 1, std::max<int64_t>(1, B));
    }

    Box largest() const { return {{0, 0, 0}, {n[0], n[1], n[2]}}; }
};

// A box of some rows from b on. Of the source's last axis, it reads what lies from `lower` to `upper - 1`; all else is
// zero to it.
struct Item {
    int64_t b, rows, lower, upper;
    Box box;
};

// Adds the boxes of those outputs of row b that lie from begin to end - 1 in the last axis.
inline void add_boxes(const Reach (&reach)[3], const BoxSize& size, Item item, int64_t begin, int64_t end,
                      std::vector<Item>& items) {
    const Split along[3] = {{reach[0].count, size.n[0]}, {reach[1].count, size.n[1]}, {end - begin, size.n[2]}};
    const auto place = [&](int a, int64_t k) {
        item.box.begin[a] = along[a].begin(k) + (a == 2 ? begin : 0);
        item.box.length[a] = along[a].begin(k + 1) - along[a].begin(k);
    };
    for (int64_t i = 0; i < along[0].pieces; ++i)
        for (int64_t j = 0; j < along[1].pieces; ++j)
            for (int64_t k = 0; k < along[2].pieces; ++k) {
                place(0, i), place(1, j), place(2, k);
                items.push_back(item);
            }
}

// The boxes of all outputs y, each of so many rows, or fewer.
inline std::vector<Item> forward_items(const Call& call, const Reach (&reach)[3], const BoxSize& size, int64_t rows) {
    std::vector<Item> items;
    const Split batch(call.B, rows);
    for (int64_t i = 0; i < batch.pieces && !call.segments; ++i) {
        const int64_t b = batch.begin(i);
        add_boxes(reach, size, {b, batch.begin(i + 1) - b, 0, reach[2].size, {}}, 0, reach[2].count, items);
    }
    for (int64_t i = 0; i < call.segment_count; ++i) {
        const Segment& s = call.segments[i];
        add_boxes(reach, size, {s.b, 1, s.floor, reach[2].size, {}}, s.begin, s.end, items);
    }
    return items;
}

// The boxes of all outputs dx; where there are segments, the stride is 1.
inline std::vector<Item> input_gradient_items(const Call& call, const Reach (&reach)[3], const BoxSize& size) {
    if (!call.segments) return forward_items(call, reach, size, 1);
    std::vector<Item> items;
    const Axis& last = call.axes[2];
    for (int64_t i = 0; i < call.segment_count; ++i) {
        const Segment& s = call.segments[i];
        add_boxes(reach, size, {s.b, 1, s.begin, s.end, {}}, s.floor,
                  s.end + last.dilation * (last.kernel - 1) - last.before, items);
    }
    return items;
}

}  // namespace chainrule::LEVEL
