// The correlation of a source with a kernel: the forward pass, and the gradient towards the input.
#pragma once

#include "../../../compiled/threads.hpp"
#include "correlate_tile.hpp"
#include "plane_correlation.hpp"
#include "wide_correlation.hpp"

namespace chainrule::LEVEL {

template <class S> class Correlation {
    const Call& call_;
    const Source<S> source_;
    const Reach (&reach_)[3];
    const int64_t C_, O_;  // channels of a group, of the source and of the result
    const S *w_, *bias_;
    const Layout layout_;
    S* const result_;
    const int64_t (&sizes_)[3];  // of the result
    const Split tiles_;
    const int64_t taps_;
    const BoxSize box_size_;
    const std::vector<Item> items_;

public:
    Correlation(const Call& call, Source<S> source, const Reach (&reach)[3], int64_t C, int64_t O, Layout layout,
                const void* bias, void* result, const int64_t (&sizes)[3], bool is_forward)
        : call_(call), source_(source), reach_(reach), C_(C), O_(O), w_(static_cast<const S*>(call.w)),
          bias_(static_cast<const S*>(bias)), layout_(layout), result_(static_cast<S*>(result)), sizes_(sizes),
          tiles_(O, most_channels), taps_(reach[0].taps * reach[1].taps * reach[2].taps),
          box_size_(reach, C, lanes<S>, outputs_in_a_box(), 1 << 15),
          items_(is_forward ? forward_items(call, reach, box_size_, 1)
                            : input_gradient_items(call, reach, box_size_)) {}

    int64_t workspace() const { return packed() + call_.threads * room(); }

    void run() const {
        S* const weights = static_cast<S*>(call_.workspace);
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t panels = call_.G * tiles_.pieces;
            for (int64_t p = panels * t / call_.threads; p < panels * (t + 1) / call_.threads; ++p) pack(p, weights);
        });
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t count = int64_t(items_.size()), all = call_.G * count;
            Window<S> window(source_, reach_, C_, weights + packed() + t * room());
            std::vector<int64_t> from, to;
            for (int64_t i = all * t / call_.threads; i < all * (t + 1) / call_.threads; ++i) {
                const int64_t g = i % call_.G;
                const Item& item = items_[size_t(i / call_.G)];
                if (window.place(item, g)) set_places(window, item.box, from, to);
                correlate(window, weights, item.b, g, from, to, int(std::min<int64_t>(item.box.length[2], lanes<S>)));
            }
        });
    }

private:
    // Several boxes for each thread, where there are not many rows.
    int64_t outputs_in_a_box() const {
        const int64_t outputs = reach_[0].count * reach_[1].count * reach_[2].count * call_.B * call_.G;
        return std::clamp<int64_t>(outputs / (4 * call_.threads), 4 * lanes<S>, 1024);
    }
    int64_t packed() const { return call_.G * O_ * (1 + C_ * taps_); }
    int64_t room() const { return Window<S>::room(reach_, C_, box_size_.largest()); }

    const S* panel(const S* weights, int64_t g, int64_t tile) const {
        return weights + (g * O_ + tiles_.begin(tile)) * (1 + C_ * taps_);
    }

    void pack(int64_t p, S* weights) const {
        const int64_t g = p / tiles_.pieces, tile = p % tiles_.pieces;
        const int64_t o0 = tiles_.begin(tile), o1 = tiles_.begin(tile + 1);
        S* to = weights + (panel(weights, g, tile) - weights);
        for (int64_t o = o0; o < o1; ++o) *to++ = bias_ ? bias_[g * O_ + o] : S(0);
        const S* w = w_ + g * layout_.group;
        for (int64_t c = 0; c < C_; ++c)
            for (int64_t i = 0; i < reach_[0].taps; ++i)
                for (int64_t j = 0; j < reach_[1].taps; ++j)
                    for (int64_t k = 0; k < reach_[2].taps; ++k) {
                        const S* entry = w + c * layout_.in + this->entry(i, j, k);
                        for (int64_t o = o0; o < o1; ++o) *to++ = entry[o * layout_.out];
                    }
    }

    int64_t entry(int64_t i, int64_t j, int64_t k) const {
        const auto at = [&](int a, int64_t tap) { return reach_[a].entry + reach_[a].entries_between * tap; };
        return (at(0, i) * call_.axes[1].kernel + at(1, j)) * call_.axes[2].kernel + at(2, k);
    }

    // The vectors of a box. A row's last one ends where the row does: it may compute some outputs a second time.
    void set_places(const Window<S>& window, const Box& box, std::vector<int64_t>& from,
                    std::vector<int64_t>& to) const {
        from.clear(), to.clear();
        const auto at = [&](int a, int64_t q) { return reach_[a].start + reach_[a].pace * (box.begin[a] + q); };
        for (int64_t i = 0; i < box.length[0]; ++i)
            for (int64_t j = 0; j < box.length[1]; ++j)
                for (int64_t k = 0; k < box.length[2]; k += lanes<S>) {
                    const int64_t begin = std::max<int64_t>(0, std::min<int64_t>(k, box.length[2] - lanes<S>));
                    from.push_back(i * window.step[0] + j * window.step[1] + begin);
                    to.push_back((at(0, i) * sizes_[1] + at(1, j)) * sizes_[2] + at(2, begin));
                }
    }

    void correlate(const Window<S>& window, const S* weights, int64_t b, int64_t g, const std::vector<int64_t>& from,
                   const std::vector<int64_t>& to, int n) const {
        const int64_t size = sizes_[0] * sizes_[1] * sizes_[2];
        const int64_t R = tiles_.longest();
        const Split vectors(int64_t(from.size()), most_vectors(int(R)));
        for (int64_t v = 0; v < vectors.pieces; ++v) {
            const int64_t first = vectors.begin(v), U = vectors.begin(v + 1) - first;
            for (int64_t tile = 0; tile < tiles_.pieces; ++tile) {
                const int64_t o = tiles_.begin(tile);
                const Sink<S> sink{result_ + ((b * call_.G + g) * O_ + o) * size, size, reach_[2].pace, n};
                correlate_tile_for<S>(tiles_.begin(tile + 1) - o, U)(
                    {panel(weights, g, tile), C_, taps_}, window, from.data() + first, sink, to.data() + first);
            }
        }
    }
};

// Calls work(correlation) with the forward pass.
template <class M, class Work> void forward_correlation(const Call& call, const Work& work) {
    const auto& a = call.axes;
    const Reach reach[3] = {forward_reach(a[0]), forward_reach(a[1]), forward_reach(a[2])};
    const int64_t sizes[3] = {a[0].positions, a[1].positions, a[2].positions};
    const int64_t K = a[0].kernel * a[1].kernel * a[2].kernel;
    const Source<Stored<M>> x{
        static_cast<const Stored<M>*>(call.x), call.x_row, call.x_channel, {call.x_step[0], call.x_step[1]}};
    const Layout layout{call.O * call.C * K, call.C * K, K};
    if constexpr (rounds<M>)
        work(WideCorrelation<M>(call, x, reach, call.C, call.O, layout, call.bias, call.y, sizes, true));
    else if (Planes<M>::fit(call, reach, x.step)) work(PlaneCorrelation<M>(call, x, reach, call.bias, call.y));
    else work(Correlation<M>(call, x, reach, call.C, call.O, layout, call.bias, call.y, sizes, true));
}

// Calls work(correlation) with the gradient towards the input, in so many parts as there are remainders by the stride.
template <class M, class Work> void input_gradient_correlations(const Call& call, const Work& work) {
    const auto& a = call.axes;
    const int64_t K = a[0].kernel * a[1].kernel * a[2].kernel, sizes[3] = {a[0].size, a[1].size, a[2].size};
    const int64_t row = a[1].positions * a[2].positions, J = a[0].positions * row;
    const Source<Stored<M>> dy{static_cast<const Stored<M>*>(call.dy), call.G * call.O * J, J, {row, a[2].positions}};
    const Layout layout{call.O * call.C * K, K, call.C * K};
    for (int64_t i = 0; i < std::min(a[0].stride, a[0].size); ++i)
        for (int64_t j = 0; j < std::min(a[1].stride, a[1].size); ++j)
            for (int64_t k = 0; k < std::min(a[2].stride, a[2].size); ++k) {
                const Reach reach[3] = {input_gradient_reach(a[0], i), input_gradient_reach(a[1], j),
                                        input_gradient_reach(a[2], k)};
                if constexpr (rounds<M>)
                    work(WideCorrelation<M>(call, dy, reach, call.O, call.C, layout, nullptr, call.dx, sizes, false));
                else if (Planes<M>::fit(call, reach, dy.step))
                    work(PlaneCorrelation<M>(call, dy, reach, nullptr, call.dx));
                else
                    work(Correlation<M>(call, dy, reach, call.O, call.C, layout, nullptr, call.dx, sizes, false));
            }
}

}  // namespace chainrule::LEVEL
