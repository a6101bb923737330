// What correlations box by box share, whatever their lanes hold: the kernel as tiles read it, and each thread's boxes.
#pragma once

#include "../../../compiled/threads.hpp"
#include "window.hpp"

namespace chainrule::LEVEL {

// What is correlated with the kernel, and where the result goes.
template <class M> struct Correlated {
    const Source<Stored<M>>& source;
    const Reach (&reach)[3];
    int64_t C, O;    // channels of a group, of the source and of the result
    Layout layout;   // of the kernel
    const void* bias;  // may be null
    void* result;
    const int64_t (&sizes)[3];  // of the result
    bool is_forward;
};

// Of is the correlation itself. `side` channels of the result lie side by side in what tiles read: those of a vector where
// lanes are channels, else one. Its Worker(of, weights, room) computes the outputs of one box by run(item, group).
template <class Of, class M, int side> class BoxedCorrelation {
protected:
    using S = Number<M>;
    using Window = LEVEL::Window<Stored<M>, S>;

    const Call& call_;
    const Source<Stored<M>> source_;
    const Reach (&reach_)[3];
    const int64_t C_, O_;
    const Stored<M>*w_, *bias_;
    const Layout layout_;
    Stored<M>* const result_;
    const int64_t (&sizes_)[3];
    const Split tiles_;  // of the result's channels, `side` of them at a time
    const int64_t taps_;
    const BoxSize box_size_;
    const std::vector<Item> items_;

    BoxedCorrelation(const Call& call, const Correlated<M>& of, int64_t most_in_a_tile)
        : call_(call), source_(of.source), reach_(of.reach), C_(of.C), O_(of.O),
          w_(static_cast<const Stored<M>*>(call.w)), bias_(static_cast<const Stored<M>*>(of.bias)),
          layout_(of.layout), result_(static_cast<Stored<M>*>(of.result)), sizes_(of.sizes),
          tiles_((of.O + side - 1) / side, most_in_a_tile),
          taps_(reach_[0].taps * reach_[1].taps * reach_[2].taps),
          box_size_(reach_, words<M>(C_), lanes<S>, outputs_in_a_box(), 1 << 15),
          items_(of.is_forward ? forward_items(call, reach_, box_size_, 1)
                               : input_gradient_items(call, reach_, box_size_)) {}

public:
    int64_t workspace() const { return packed() + call_.threads * room(); }

    void run() const {
        S* const weights = static_cast<S*>(call_.workspace);
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t panels = call_.G * tiles_.pieces;
            for (int64_t p = panels * t / call_.threads; p < panels * (t + 1) / call_.threads; ++p)
                pack(p / tiles_.pieces, p % tiles_.pieces, weights);
        });
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t count = int64_t(items_.size()), all = call_.G * count;
            typename Of::Worker worker(static_cast<const Of&>(*this), weights, weights + packed() + t * room());
            for (int64_t i = all * t / call_.threads; i < all * (t + 1) / call_.threads; ++i)
                worker.run(items_[size_t(i / call_.G)], i % call_.G);
        });
    }

protected:
    // The biases of a tile's channels; then for each word of the source's channels and each tap, their weights.
    const S* panel(const S* weights, int64_t g, int64_t tile) const {
        return weights + panel_size(g * tiles_.count + tiles_.begin(tile));
    }

    // Where an output of a box lies in the result's last three axes.
    int64_t place(const Box& box, int64_t i, int64_t j, int64_t k) const {
        const auto at = [&](int a, int64_t q) { return reach_[a].start + reach_[a].pace * (box.begin[a] + q); };
        return (at(0, i) * sizes_[1] + at(1, j)) * sizes_[2] + at(2, k);
    }

    // The result from a channel of a group on, and how far the next channel is.
    int64_t channel() const { return sizes_[0] * sizes_[1] * sizes_[2]; }
    Stored<M>* result(int64_t b, int64_t g, int64_t o) const {
        return result_ + ((b * call_.G + g) * O_ + o) * channel();
    }

private:
    // Several boxes for each thread, where there are not many rows.
    int64_t outputs_in_a_box() const {
        const int64_t outputs = reach_[0].count * reach_[1].count * reach_[2].count * call_.B * call_.G;
        return std::clamp<int64_t>(outputs / (4 * call_.threads), 4 * lanes<S>, 1024);
    }
    int64_t panel_size(int64_t n) const { return n * side * (1 + words<M>(C_) * taps_); }
    int64_t packed() const { return panel_size(call_.G * tiles_.count); }
    int64_t room() const { return Window::room(reach_, C_, box_size_.largest()); }

    void pack(int64_t g, int64_t tile, S* weights) const {
        const int64_t o0 = tiles_.begin(tile) * side, width = tiles_.begin(tile + 1) * side - o0;
        const int64_t end = std::min(O_ - o0, width);
        S* to = const_cast<S*>(panel(weights, g, tile));
        if (end < width) std::fill_n(to, panel_size(width / side), S(0));
        for (int64_t o = 0; o < end; ++o) to[o] = bias_ ? number<M>(bias_[g * O_ + o0 + o]) : S(0);
        to += width;
        const Stored<M>* w = w_ + g * layout_.group + o0 * layout_.out;
        for (int64_t c = 0; c < C_; c += per_word<M>)
            for (int64_t i = 0; i < reach_[0].taps; ++i)
                for (int64_t j = 0; j < reach_[1].taps; ++j)
                    for (int64_t k = 0; k < reach_[2].taps; ++k, to += width) {
                        const Stored<M>* entry = w + c * layout_.in + this->entry(i, j, k);
                        for (int64_t o = 0; o < end; ++o, entry += layout_.out) to[o] = word(entry, c + 1 < C_);
                    }
    }

    S word(const Stored<M>* entry, bool has_second) const {
        if constexpr (!rounds<M>) return *entry;
        else return bits<S>(*entry | (has_second ? uint32_t(entry[layout_.in]) << 16 : 0));
    }

    int64_t entry(int64_t i, int64_t j, int64_t k) const {
        const auto at = [&](int a, int64_t tap) { return reach_[a].entry + reach_[a].entries_between * tap; };
        return (at(0, i) * call_.axes[1].kernel + at(1, j)) * call_.axes[2].kernel + at(2, k);
    }
};

}  // namespace chainrule::LEVEL
