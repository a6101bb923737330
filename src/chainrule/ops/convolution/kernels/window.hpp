// The source numbers that a box of outputs reads.
//
// Where all of them exist and neighbours lie side by side, they are read where they are. Otherwise, at the edges and
// where the source is stepped over, they are laid out first, zeros where there is no source: in the last axis the
// numbers of each remainder by the step side by side. That is one copy for as many products as a number has taps
// and output channels, and stays in the caches.
#pragma once

#include <vector>

#include "reach.hpp"

namespace chainrule::LEVEL {

template <class S> struct Source {
    const S* data;
    int64_t row, channel, step[2];
};

template <class S> class Window {
    const Source<S>& source_;
    const Reach (&reach_)[3];
    const int64_t channels_;
    S* const room_;

public:
    const S* data;
    int64_t channel, step[2];          // from channel to channel, and from output to output in the outer two axes
    std::vector<int64_t> taps;         // where each tap of the box's first output lies

    Window(const Source<S>& source, const Reach (&reach)[3], int64_t channels, S* room)
        : source_(source), reach_(reach), channels_(channels), room_(room) {}

    static int64_t room(const Reach (&reach)[3], int64_t channels, const Box& box) {
        return channels * rows(reach[0], box.length[0]) * rows(reach[1], box.length[1]) * width(reach[2], box.length[2]);
    }

    void place(const Item& item, int64_t g) {
        const Box& box = item.box;
        const S* from = source_.data + item.b * source_.row + g * channels_ * source_.channel;
        bool inside = reach_[2].step == 1 && box.length[2] >= lanes<S>;
        for (int a = 0; a < 3; ++a) {
            const int64_t low = reach_[a].lowest(box.begin[a]);
            inside = inside && low >= (a == 2 ? item.lower : 0) &&
                     low + reach_[a].span(box.length[a]) <= (a == 2 ? item.upper : reach_[a].size);
        }
        int64_t row[2], phase = 0;
        if (inside) {
            data = from + reach_[2].lowest(box.begin[2]);
            for (int a = 0; a < 2; ++a) {
                row[a] = source_.step[a];
                data += reach_[a].lowest(box.begin[a]) * row[a];
            }
            channel = source_.channel;
        } else {
            phase = width(reach_[2], box.length[2]) / reach_[2].step;
            row[1] = width(reach_[2], box.length[2]);
            row[0] = rows(reach_[1], box.length[1]) * row[1];
            channel = rows(reach_[0], box.length[0]) * row[0];
            data = room_;
            lay_out(from, item, row, phase);
        }
        for (int a = 0; a < 2; ++a) step[a] = row[a] * reach_[a].step;
        set_taps(row, phase);
    }

private:
    static int64_t rows(const Reach& reach, int64_t n) { return reach.span(n); }
    // Of a row: the numbers of each remainder, and what the last vector reads beyond them.
    static int64_t width(const Reach& reach, int64_t n) {
        const int64_t outputs = std::max<int64_t>(n, lanes<S>);
        return reach.step * (outputs + (reach.between * (reach.taps - 1)) / reach.step + 1);
    }

    void lay_out(const S* from, const Item& item, const int64_t (&row)[2], int64_t phase) const {
        const Box& box = item.box;
        const int64_t low[3] = {reach_[0].lowest(box.begin[0]), reach_[1].lowest(box.begin[1]),
                                reach_[2].lowest(box.begin[2])};
        const int64_t rows0 = rows(reach_[0], box.length[0]), rows1 = rows(reach_[1], box.length[1]);
        for (int64_t c = 0; c < channels_; ++c)
            for (int64_t i = 0; i < rows0; ++i)
                for (int64_t j = 0; j < rows1; ++j) {
                    S* to = room_ + c * channel + i * row[0] + j * row[1];
                    const int64_t at0 = low[0] + i, at1 = low[1] + j;
                    const bool exists = 0 <= at0 && at0 < reach_[0].size && 0 <= at1 && at1 < reach_[1].size;
                    if (!exists) {
                        std::fill(to, to + row[1], S(0));
                        continue;
                    }
                    const S* line = from + c * source_.channel + at0 * source_.step[0] + at1 * source_.step[1];
                    for (int64_t k = 0; k < reach_[2].step; ++k) lay_out_row(line, item, low[2] + k, to + k * phase, phase);
                }
    }

    // The n numbers of the line at low, low + step, ...; zeros for those that the item does not read.
    void lay_out_row(const S* line, const Item& item, int64_t low, S* to, int64_t n) const {
        const int64_t step = reach_[2].step;
        const auto until_at = [&](int64_t end) { return low < end ? (end - low + step - 1) / step : 0; };
        const int64_t before = std::min(until_at(item.lower), n);
        const int64_t until = std::clamp(until_at(item.upper), before, n);
        std::fill(to, to + before, S(0));
        if (step == 1)
            std::copy_n(line + (low + before), until - before, to + before);
        else
            for (int64_t i = before; i < until; ++i) to[i] = line[low + i * step];
        std::fill(to + until, to + n, S(0));
    }

    void set_taps(const int64_t (&row)[2], int64_t phase) {
        taps.clear();
        for (int64_t i = 0; i < reach_[0].taps; ++i)
            for (int64_t j = 0; j < reach_[1].taps; ++j)
                for (int64_t k = 0; k < reach_[2].taps; ++k) {
                    const int64_t along = reach_[2].between * k, step = reach_[2].step;
                    taps.push_back(i * reach_[0].between * row[0] + j * reach_[1].between * row[1] +
                                   along % step * phase + along / step);
                }
    }
};

}  // namespace chainrule::LEVEL
