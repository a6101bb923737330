// The correlation of a source with a kernel, of many channels: the forward pass, and the gradient towards the input.
#pragma once

#include "../../../compiled/threads.hpp"
#include "wide_tiles.hpp"
#include "window.hpp"

namespace chainrule::LEVEL {

template <class M> class WideCorrelation {
    using S = Number<M>;
    using Source = LEVEL::Source<Stored<M>>;
    using Window = LEVEL::Window<Stored<M>, S>;
    static constexpr int L = lanes<S>;

    const Call& call_;
    const Source source_;
    const Reach (&reach_)[3];
    const int64_t C_, O_;  // channels of a group, of the source and of the result
    const Stored<M>*w_, *bias_;
    const Layout layout_;
    Stored<M>* const result_;
    const int64_t (&sizes_)[3];  // of the result
    const Split tiles_;          // of the vectors of channels
    const int64_t taps_;
    const BoxSize box_size_;
    const std::vector<Item> items_;

public:
    WideCorrelation(const Call& call, Source source, const Reach (&reach)[3], int64_t C, int64_t O, Layout layout,
                    const void* bias, void* result, const int64_t (&sizes)[3], bool is_forward)
        : call_(call), source_(source), reach_(reach), C_(C), O_(O), w_(static_cast<const Stored<M>*>(call.w)),
          bias_(static_cast<const Stored<M>*>(bias)), layout_(layout), result_(static_cast<Stored<M>*>(result)),
          sizes_(sizes), tiles_((O + L - 1) / L, std::min(reach[2].count <= 6 ? 4 : 3, most_wide<M>)),
          taps_(reach[0].taps * reach[1].taps * reach[2].taps),
          box_size_(reach, words<M>(C), L, outputs_in_a_box(), 1 << 15),
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
            Window window(source_, reach_, C_, weights + packed() + t * room());
            for (int64_t i = all * t / call_.threads; i < all * (t + 1) / call_.threads; ++i) {
                const int64_t g = i % call_.G;
                const Item& item = items_[size_t(i / call_.G)];
                window.place(item, g);
                for (int64_t tile = 0; tile < tiles_.pieces; ++tile) correlate(window, weights, item, g, tile);
            }
        });
    }

private:
    // Several boxes for each thread, where there are not many rows.
    int64_t outputs_in_a_box() const {
        const int64_t outputs = reach_[0].count * reach_[1].count * reach_[2].count * call_.B * call_.G;
        return std::clamp<int64_t>(outputs / (4 * call_.threads), 4 * L, 1024);
    }
    int64_t panel_size(int64_t vectors) const { return vectors * L * (1 + words<M>(C_) * taps_); }
    int64_t packed() const { return call_.G * panel_size(tiles_.count); }
    int64_t room() const { return Window::room(reach_, C_, box_size_.largest()); }

    int64_t panel(int64_t g, int64_t tile) const { return panel_size(g * tiles_.count + tiles_.begin(tile)); }

    void pack(int64_t p, S* weights) const {
        const int64_t g = p / tiles_.pieces, tile = p % tiles_.pieces;
        const int64_t o0 = tiles_.begin(tile) * L, width = tiles_.begin(tile + 1) * L - o0;
        const int64_t end = std::min(O_ - o0, width);
        S* to = weights + panel(g, tile);
        std::fill_n(to, panel_size(width / L), S(0));
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

    // The outputs of a box, of the channels of a tile: so many positions at a time as a transposed block has.
    void correlate(const Window& window, const S* weights, const Item& item, int64_t g, int64_t tile) const {
        constexpr int64_t most = L * per_word<M>;
        const int64_t V = tiles_.begin(tile + 1) - tiles_.begin(tile), o = tiles_.begin(tile) * L;
        const Box& box = item.box;
        const int64_t size = sizes_[0] * sizes_[1] * sizes_[2];
        Stored<M>* const result = result_ + ((item.b * call_.G + g) * O_ + o) * size;
        const auto at = [&](int a, int64_t q) { return reach_[a].start + reach_[a].pace * (box.begin[a] + q); };
        typename WideTile<M>::Task task{weights + panel(g, tile), nullptr, words<M>(C_), window.channel,
                                        window.taps.data(), taps_, 0, taps_};
        const int outer = reach_[0].taps > 1 ? 0 : 1;  // the axis along which taps that read nothing are left out
        const int64_t inner = taps_ / std::max<int64_t>(1, reach_[outer].taps);
        alignas(64) S sums[most_wide<M> * L * L];
        for (int64_t i = 0; i < box.length[0]; ++i)
            for (int64_t j = 0; j < box.length[1]; ++j) {
                const int64_t q = box.begin[outer] + (outer == 0 ? i : j);
                task.first = reach_[outer].first_tap(q) * inner, task.end = reach_[outer].end_tap(q) * inner;
                for (int64_t k = 0; k < box.length[2]; k += most) {
                    const int64_t n = std::min(most, box.length[2] - k);
                    task.x = window.data + i * window.step[0] + j * window.step[1] + k;
                    const Split pieces(words<M>(n), most_spread<M>(int(V)) / per_word<M>);
                    for (int64_t p = 0; p < pieces.pieces; ++p) {
                        const int64_t begin = pieces.begin(p) * per_word<M>;
                        const int64_t end = std::min(n, pieces.begin(p + 1) * per_word<M>);
                        wide_tile_for<M, WideTile<M>>(V, end - begin)(task, sums + pieces.begin(p) * V * L);
                        task.x += end - begin;
                    }
                    const int64_t to = (at(0, i) * sizes_[1] + at(1, j)) * sizes_[2] + at(2, k);
                    give_out(sums, V, n, result + to, size, O_ - o);
                }
            }
    }

    // n positions of V vectors of channels, of which so many are left, to their lines.
    void give_out(const S* sums, int64_t V, int64_t n, Stored<M>* to, int64_t size, int64_t left) const {
        const int64_t pace = reach_[2].pace;
        for (int64_t v = 0; v < V; ++v) {
            Vector<S> block[L];
#pragma GCC unroll 32
            for (int i = 0; i < L; ++i)
                block[i] = i < words<M>(n) ? load(sums + (i * V + v) * L) : Vector<S>{};
            transpose<S>(block);
            Stored<M>* line = to + v * L * size;
            const int count = int(std::min<int64_t>(L, left - v * L));
            if (pace == 1) {
#pragma GCC unroll 32
                for (int i = 0; i < L; ++i)
                    if (i < count) store_words<M>(line + i * size, block[i], n);
            } else {
                for (int i = 0; i < count; ++i) store_apart<M>(line + i * size, block[i], n, pace);
            }
        }
    }
};

}  // namespace chainrule::LEVEL
