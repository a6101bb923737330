// Depthwise convolutions of stride 1 whose lines of outputs are as long as those of the source, or are one line.
//
// Each channel is a plane, its lines end to end: output p reads number p + offset for each tap, so vectors run over the
// ends of lines, and rows of 28 waste no lanes. What a tap reads there of another line counts as zero: the taps of one
// column of the kernel are summed first, and lanes without that column are masked.
#pragma once

#include "window.hpp"

namespace chainrule::LEVEL {

// Vectors of outputs begin to end - 1. Those that are not inside read beyond the plane.
struct Stretch {
    int64_t begin, end;
    bool inside;
};

template <class S> class Planes {
    static constexpr int64_t most_reach = 4096;       // numbers from the first to the last that an output reads
    static constexpr int64_t most_vectors = 64;       // of a stretch

public:
    bool has_lines;                // several, at whose ends taps are masked
    int64_t columns, of_column;    // of the kernel, and the taps of each; all are one column where there is one line
    int64_t outputs, numbers;      // of a plane
    int64_t first, reach;          // output p reads from p + first on, `reach` numbers
    std::vector<int64_t> offsets;  // of each tap, by column, then by line: after the first number that the output reads
    std::vector<int64_t> entries;  // of the kernel, in the same order
    std::vector<S> masks;          // for each column of taps: 0 where the output in that column of its line has none
    int64_t mask_size, whole;      // the column that all outputs have, if there is one
    std::vector<int64_t> begins, in_line;  // of each vector: its first output, and where that is in its line
    std::vector<Stretch> stretches;

    static bool trivial(const Reach& r) { return r.count == 1 && r.size == 1 && r.taps == 1 && r.first == 0; }

    static bool fit(const Call& call, const Reach (&reach)[3], const int64_t (&step)[2]) {
        const Reach &line = reach[1], &column = reach[2];
        for (const Axis& a : call.axes)
            if (a.stride != 1) return false;
        if (call.C != 1 || call.O != 1 || call.segments || !trivial(reach[0])) return false;
        if (!trivial(line) && (column.count != column.size || step[1] != column.size)) return false;
        const int64_t span = line.between * (line.taps - 1) * column.size + column.between * (column.taps - 1);
        return line.count * column.count >= lanes<S> && span < most_reach;
    }

    Planes(const Call& call, const Reach (&r)[3])
        : has_lines(!trivial(r[1])), columns(has_lines ? r[2].taps : 1),
          of_column(r[1].taps * r[2].taps / columns),
          outputs(r[1].count * r[2].count), numbers(r[1].size * r[2].size), first(r[1].first * r[2].size + r[2].first),
          reach(r[1].between * (r[1].taps - 1) * r[2].size + r[2].between * (r[2].taps - 1) + 1),
          mask_size(r[2].count + lanes<S>),
          whole(!has_lines ? 0 : r[2].first % r[2].between ? -1 : -r[2].first / r[2].between) {
        const auto entry = [](const Reach& r, int64_t tap) { return r.entry + r.entries_between * tap; };
        for (int64_t k = 0; k < r[2].taps; ++k)
            for (int64_t i = 0; i < r[1].taps; ++i) {
                offsets.push_back(r[1].between * i * r[2].size + r[2].between * k);
                entries.push_back(entry(r[1], i) * call.axes[2].kernel + entry(r[2], k));
            }
        for (int64_t k = 0; k < r[2].taps && has_lines; ++k)
            for (int64_t p = 0; p < mask_size; ++p) {
                const int64_t at = p % r[2].count + r[2].first + r[2].between * k;
                masks.push_back(0 <= at && at < r[2].size);
            }
        begins.reserve(size_t((outputs + lanes<S> - 1) / lanes<S>));
        for (int64_t p = 0; p < outputs; p += lanes<S>) {
            begins.push_back(std::min(p, outputs - lanes<S>));
            if (has_lines) in_line.push_back(begins.back() % r[2].count);
        }
        const int64_t count = int64_t(begins.size());
        const bool small = count <= most_vectors / 2;  // a plane that is laid out as a whole, if at all
        const auto inside = [&](int64_t v) {
            const int64_t low = begins[size_t(small ? 0 : v)] + first;
            return low >= 0 && begins[size_t(small ? count - 1 : v)] + lanes<S> - 1 + first + reach <= numbers;
        };
        for (int64_t begin = 0, end; begin < count; begin = end) {
            for (end = begin + 1; end < std::min(begin + most_vectors, count) && inside(end) == inside(begin);) ++end;
            stretches.push_back({begin, end, inside(begin)});
        }
    }

    int64_t room() const { return most_vectors * lanes<S> + reach; }

    // The numbers that the stretch's first output reads from on; in `room`, with zeros around the plane, if not inside.
    const S* place(const Stretch& stretch, const S* plane, S* room) const {
        const int64_t low = begins[size_t(stretch.begin)] + first;
        if (stretch.inside) return plane + low;
        const int64_t high = begins[size_t(stretch.end - 1)] + lanes<S> - 1 + first + reach;
        const int64_t begin = std::clamp<int64_t>(0, low, high), end = std::clamp(numbers, begin, high);
        std::fill(room, room + (begin - low), S(0));
        std::copy(plane + begin, plane + end, room + (begin - low));
        std::fill(room + (end - low), room + (high - low), S(0));
        return room;
    }
};

}  // namespace chainrule::LEVEL
