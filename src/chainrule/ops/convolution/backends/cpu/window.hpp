// The source numbers that a box of outputs reads.
//
// Where all of them exist and neighbours lie side by side, they are read where they are. Otherwise, at the edges and
// where the source is stepped over, they are laid out first, zeros where there is no source: in the last axis the
// numbers of each remainder by the step side by side. That is one copy for as many products as a number has taps
// and output channels, and stays in the caches. As words (factors.hpp), two channels become one, and all is laid out.
#pragma once

#include <vector>

#include "../../../compiled/factors.hpp"
#include "reach.hpp"

namespace chainrule::LEVEL {

// Of the kernel w (G, O, C, K), O the channels of the result here: where number (o, c, entry) of a group lies.
struct Layout {
    int64_t group, out, in;
};

template <class S> struct Source {
    const S* data;
    int64_t row, channel, step[2];
};

// S is what the source holds, T what is laid out: the same, or words of two channels.
template <class S, class T = S> class Window {
    static constexpr int together = sizeof(T) / sizeof(S);  // channels

    const Source<S>& source_;
    const Reach (&reach_)[3];
    const int64_t in_, channels_;  // of the source, and laid out
    T* const room_;
    bool inside_ = false;
    int64_t rows_ = 0;
    Box box_{};                    // of the last call, as is what follows
    int64_t lower_ = 0, upper_ = 0;
    int64_t row_[2], phase_ = 0;   // from line to line, and from the numbers of one remainder to those of the next

public:
    const T* data;
    int64_t row, channel, step[2];  // from row to row, channel to channel, and output to output in the outer two axes
    std::vector<int64_t> taps;      // where each tap of the box's first output lies

    Window(const Source<S>& source, const Reach (&reach)[3], int64_t channels, T* room)
        : source_(source), reach_(reach), in_(channels), channels_((channels + together - 1) / together), room_(room) {}

    static int64_t room(const Reach (&reach)[3], int64_t channels, const Box& box) {
        const int64_t lines = rows(reach[0], box.length[0]) * rows(reach[1], box.length[1]);
        return (channels + together - 1) / together * lines * width(reach[2], box.length[2]) + lanes<T>;
    }

    // Returns whether steps, taps and the box differ from those of the last call.
    bool place(const Item& item, int64_t g) {
        const Box& box = item.box;
        const S* from = source_.data + item.b * source_.row + g * in_ * source_.channel;
        const bool is_inside = inside(item), same = item.rows == rows_ && is_inside == inside_ && box == box_;
        if (!same) set_layout(is_inside, item);
        if constexpr (together == 1)
            if (is_inside) {
                data = from + reach_[2].lowest(box.begin[2]);
                for (int a = 0; a < 2; ++a) data += reach_[a].lowest(box.begin[a]) * row_[a];
            }
        if (!is_inside) {
            data = room_;
            lay_out(from, item, !same || item.lower != lower_ || item.upper != upper_);
            lower_ = item.lower, upper_ = item.upper;
        }
        return !same;
    }

private:
    static int64_t rows(const Reach& reach, int64_t n) { return reach.span(n); }
    // Of a row: the numbers of each remainder, and what the last vector reads beyond them.
    static int64_t width(const Reach& reach, int64_t n) {
        const int64_t outputs = std::max<int64_t>(n, lanes<T>);
        return reach.step * (outputs + (reach.between * (reach.taps - 1)) / reach.step + 1);
    }

    bool inside(const Item& item) const {
        bool inside = together == 1 && reach_[2].step == 1 && item.box.length[2] >= lanes<S>;
        for (int a = 0; a < 3; ++a) {
            const int64_t low = reach_[a].lowest(item.box.begin[a]);
            inside = inside && low >= (a == 2 ? item.lower : 0) &&
                     low + reach_[a].span(item.box.length[a]) <= (a == 2 ? item.upper : reach_[a].size);
        }
        return inside;
    }

    void set_layout(bool is_inside, const Item& item) {
        const Box& box = item.box;
        inside_ = is_inside, rows_ = item.rows, box_ = box;
        if (is_inside) {
            row = source_.row;
            row_[0] = source_.step[0], row_[1] = source_.step[1];
            channel = source_.channel;
        } else {
            row_[1] = width(reach_[2], box.length[2]);
            row_[0] = rows(reach_[1], box.length[1]) * row_[1];
            channel = rows(reach_[0], box.length[0]) * row_[0];
            row = channels_ * channel;
            phase_ = row_[1] / reach_[2].step;
        }
        for (int a = 0; a < 2; ++a) step[a] = row_[a] * reach_[a].step;
        taps.clear();
        for (int64_t i = 0; i < reach_[0].taps; ++i)
            for (int64_t j = 0; j < reach_[1].taps; ++j)
                for (int64_t k = 0; k < reach_[2].taps; ++k) {
                    const int64_t along = reach_[2].between * k, step = reach_[2].step;
                    taps.push_back(i * reach_[0].between * row_[0] + j * reach_[1].between * row_[1] +
                                   along % step * phase_ + along / step);
                }
    }

    // zeros: whether those of the last item lie elsewhere.
    void lay_out(const S* from, const Item& item, bool zeros) const {
        const Box& box = item.box;
        const int64_t low[3] = {reach_[0].lowest(box.begin[0]), reach_[1].lowest(box.begin[1]),
                                reach_[2].lowest(box.begin[2])};
        const int64_t rows0 = rows(reach_[0], box.length[0]), rows1 = rows(reach_[1], box.length[1]);
        if (zeros) std::fill_n(room_, item.rows * row, T(0));
        for (int64_t b = 0; b < item.rows; ++b)
            for (int64_t c = 0; c < channels_; ++c)
                for (int64_t i = std::max<int64_t>(0, -low[0]); i < std::min(rows0, reach_[0].size - low[0]); ++i)
                    for (int64_t j = std::max<int64_t>(0, -low[1]); j < std::min(rows1, reach_[1].size - low[1]); ++j) {
                        const S* line = from + b * source_.row + together * c * source_.channel +
                                        (low[0] + i) * source_.step[0] + (low[1] + j) * source_.step[1];
                        T* to = room_ + b * row + c * channel + i * row_[0] + j * row_[1];
                        lay_out_remainders(line, item, low[2], together * c + 1 < in_, to);
                    }
    }

    void lay_out_remainders(const S* line, const Item& item, int64_t low, bool has_second, T* to) const {
        const int64_t step = reach_[2].step;
        const auto until_at = [&](int64_t low, int64_t end) { return low < end ? (end - low + step - 1) / step : 0; };
        for (int64_t k = 0; k < step; ++k, to += phase_) {
            const int64_t first = low + k;  // of what lies in the line: numbers first, first + step, ...
            const int64_t begin = std::min(until_at(first, item.lower), phase_);
            const int64_t end = std::min(until_at(first, item.upper), phase_);
            if (begin >= end) continue;
            if constexpr (together == 1) lay_out_line(line + first, begin, end, to);
            else lay_out_words(line + first, has_second, begin, end, to);
        }
    }

    // Writes zeros beyond the end of the line, which belong there or are written over.
    void lay_out_words(const S* line, bool has_second, int64_t begin, int64_t end, T* to) const {
        const int64_t step = reach_[2].step;
        const S* second = line + source_.channel;
        const auto each = [&](const auto& read) {
            for (int64_t i = begin; i < end; i += lanes<T>) {
                const int n = int(std::min<int64_t>(lanes<T>, end - i));
                const Words low = read(line + i * step, n);
                store(to + i, bits<Vector<T>>(has_second ? low | read(second + i * step, n) << 16 : low));
            }
        };
        if (step == 1) each(load_halves);
        else if (step == 2) each(load_every_second);
        else
            for (int64_t i = begin; i < end; ++i)
                to[i] = bits<T>(line[i * step] | (has_second ? uint32_t(second[i * step]) << 16 : 0));
    }

    void lay_out_line(const S* line, int64_t begin, int64_t end, S* to) const {
        const int64_t step = reach_[2].step;
        if constexpr (sizeof(S) < sizeof(float))
            if (step == 2) {
                for (int64_t i = begin; i < end; i += lanes<float>) {
                    const int n = int(std::min<int64_t>(lanes<float>, end - i));
                    store_halves(to + i, load_every_second(line + i * step, n), n);
                }
                return;
            }
        if (step > 1) {
            for (int64_t i = begin; i < end; ++i) to[i] = line[i * step];
        } else if (end - begin < lanes<S>) {
            for (int64_t i = begin; i < end; ++i) to[i] = line[i];
        } else {
            for (int64_t i = begin; i < end; i += lanes<S>) {
                const int64_t at = std::min<int64_t>(i, end - lanes<S>);
                store(to + at, load(line + at));
            }
        }
    }
};

}  // namespace chainrule::LEVEL
