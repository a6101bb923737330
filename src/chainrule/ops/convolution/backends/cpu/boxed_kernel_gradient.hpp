// What the gradients towards kernel and bias share, whatever lanes hold: slices of boxes, whose sums are added at the end.
//
// What is summed in which order is decided by the shape of the call, not by the threads.
#pragma once

#include "../../../compiled/threads.hpp"
#include "window.hpp"

namespace chainrule::LEVEL {

// Of is the gradient itself. Its Worker(of, room) adds up one slice by run(slice, group, part, sums), in as many numbers of
// room as Of has, and give_out(group, tile, sums) adds up the slices.
template <class Of, class M> class BoxedKernelGradient {
protected:
    using S = Number<M>;
    using Window = LEVEL::Window<Stored<M>>;
    static constexpr int64_t most_numbers = 1 << 18;  // in the window of a box
    static constexpr int64_t most_sums = 1 << 21;     // in all slices

    const Call& call_;
    const Reach reach_[3];
    const Source<Stored<M>> source_;
    const int64_t K_, size_;  // entries of the kernel; outputs of a channel
    const Split tiles_;       // of the output channels
    const BoxSize box_size_;
    const int64_t rows_;      // of a box
    const std::vector<Item> items_;
    const int64_t numbers_;       // in the sums of a slice
    const Split slices_, parts_;  // of the boxes of all rows; of the tiles

    BoxedKernelGradient(const Call& call, Split tiles, int64_t most_outputs, int64_t numbers)
        : call_(call), reach_{forward_reach(call.axes[0]), forward_reach(call.axes[1]), forward_reach(call.axes[2])},
          source_{static_cast<const Stored<M>*>(call.x), call.x_row, call.x_channel, {call.x_step[0], call.x_step[1]}},
          K_(entries(call)), size_(reach_[0].count * reach_[1].count * reach_[2].count), tiles_(tiles),
          box_size_(reach_, call.C, lanes<S>, most_outputs, most_numbers),
          rows_(box_size_.rows(reach_, call.C, call.B, most_outputs, most_numbers)),
          items_(forward_items(call, reach_, box_size_, rows_)), numbers_(numbers),
          slices_(pieces(int64_t(items_.size()), std::clamp<int64_t>(most_sums / numbers_, 1, 8))),
          parts_(pieces(tiles_.pieces, slices_.pieces > 2 ? 1 : 8)) {}

    static int64_t entries(const Call& call) { return call.axes[0].kernel * call.axes[1].kernel * call.axes[2].kernel; }
    int64_t window_room() const { return rows_ * Window::room(reach_, call_.C, box_size_.largest()); }

public:
    int64_t workspace() const { return slices_.pieces * numbers_ + call_.threads * of().room(); }

    void run() const {
        S* const sums = static_cast<S*>(call_.workspace);
        in_parallel(int(call_.threads), [&](int64_t t) {
            typename Of::Worker worker(of(), sums + slices_.pieces * numbers_ + t * of().room());
            const int64_t items = slices_.pieces * call_.G * parts_.pieces;
            for (int64_t i = items * t / call_.threads; i < items * (t + 1) / call_.threads; ++i)
                worker.run(i / parts_.pieces / call_.G, i / parts_.pieces % call_.G, i % parts_.pieces, sums);
        });
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t tiles = call_.G * tiles_.pieces;
            for (int64_t i = tiles * t / call_.threads; i < tiles * (t + 1) / call_.threads; ++i)
                of().give_out(i / tiles_.pieces, i % tiles_.pieces, sums);
        });
    }

private:
    const Of& of() const { return static_cast<const Of&>(*this); }

    static Split pieces(int64_t count, int64_t number) {
        return Split(count, std::max<int64_t>(1, (count + number - 1) / number));
    }
};

}  // namespace chainrule::LEVEL
