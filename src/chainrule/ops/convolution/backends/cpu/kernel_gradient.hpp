// The gradients towards kernel and bias: correlations of the source with dy.
#pragma once

#include "boxed_kernel_gradient.hpp"
#include "kernel_gradient_tile.hpp"

namespace chainrule::LEVEL {

template <class S> class KernelGradient : public BoxedKernelGradient<KernelGradient<S>, S> {
    using Boxed = BoxedKernelGradient<KernelGradient, S>;
    friend Boxed;
    using Boxed::call_, Boxed::K_, Boxed::size_, Boxed::tiles_, Boxed::numbers_, Boxed::slices_;
    static constexpr int64_t tile_size = (accumulators + lanes<S> - 1) / lanes<S> * lanes<S>;

    static constexpr int64_t most_outputs = 2048;  // of a box

    const Split pairs_;  // of a source channel and a tap

public:
    explicit KernelGradient(const Call& call)
        : Boxed(call, tiles(call), most_outputs, call.G * (tiles(call).pieces * pairs(call).pieces * tile_size + call.O)),
          pairs_(pairs(call)) {}

private:
    static Split tiles(const Call& call) { return Split(call.O, most_gradient_channels); }
    static Split pairs(const Call& call) {
        return Split(call.C * Boxed::entries(call), most_pairs(int(tiles(call).longest())));
    }

    // Of a slice: the sums of all tiles, then the gradient towards the bias.
    S* tile(S* sums, int64_t slice, int64_t g, int64_t tile) const {
        return sums + slice * numbers_ + (g * tiles_.pieces + tile) * pairs_.pieces * tile_size;
    }
    S* bias(S* sums, int64_t slice, int64_t g) const {
        return sums + slice * numbers_ + call_.G * tiles_.pieces * pairs_.pieces * tile_size + g * call_.O;
    }
    int64_t room() const { return this->window_room(); }

    // Adds up the slices of the channels of a tile.
    void give_out(int64_t g, int64_t i, S* sums) const {
        S *dw = static_cast<S*>(call_.dw), *dbias = static_cast<S*>(call_.dbias);
        const int64_t first = tiles_.begin(i), R = tiles_.begin(i + 1) - first, entries = call_.C * K_;
        const auto total = [&](const S* of) {
            S sum = of[0];
            for (int64_t s = 1; s < slices_.pieces; ++s) sum += of[s * numbers_];
            return sum;
        };
        for (int64_t p = 0; p < pairs_.pieces; ++p) {
            const int64_t pair = pairs_.begin(p), N = pairs_.begin(p + 1) - pair;
            const S* from = tile(sums, 0, g, i) + p * tile_size;
            for (int64_t n = 0; n < R * N; ++n)
                dw[(g * call_.O + first + n / N) * entries + pair + n % N] =
                    total(from + n / lanes<S> * lanes<S> + in_lane<S>(int(n % lanes<S>)));
        }
        if (dbias)
            for (int64_t r = 0; r < R; ++r) dbias[g * call_.O + first + r] = total(bias(sums, 0, g) + first + r);
    }

    struct Worker {
        const KernelGradient& of;
        Window<S> window;
        Places places;
        std::vector<int64_t> pairs;

        Worker(const KernelGradient& of, S* room) : of(of), window(of.source_, of.reach_, of.call_.C, room), places{} {}

        // Adds up one slice, for one group and one part of its channels.
        void run(int64_t slice, int64_t g, int64_t part, S* sums) {
            const Call& call = of.call_;
            const int64_t begin = of.parts_.begin(part), end = of.parts_.begin(part + 1);
            S* dbias = of.bias(sums, slice, g);
            std::fill(of.tile(sums, slice, g, begin), of.tile(sums, slice, g, end), S(0));
            std::fill(dbias + of.tiles_.begin(begin), dbias + of.tiles_.begin(end), S(0));
            for (int64_t i = of.slices_.begin(slice); i < of.slices_.begin(slice + 1); ++i) {
                const Item& item = of.items_[size_t(i)];
                if (window.place(item, g)) {
                    set_places(item);
                    set_pairs();
                }
                const S* dy = static_cast<const S*>(call.dy) + (item.b * call.G + g) * call.O * of.size_;
                const Outputs<S> outputs = outputs_of(item, dy);
                for (int64_t tile = begin; tile < end; ++tile)
                    add(outputs, of.tiles_.begin(tile), of.tiles_.begin(tile + 1), of.tile(sums, slice, g, tile));
                if (call.dbias)
                    for (int64_t o = of.tiles_.begin(begin); o < of.tiles_.begin(end); ++o)
                        dbias[o] += sum(outputs, dy + o * of.size_);
            }
        }

        Outputs<S> outputs_of(const Item& item, const S* dy) const {
            const int64_t length = item.box.length[2], dropped = length < lanes<S> ? 0 : lanes<S> - length % lanes<S>;
            const int n = int(std::min<int64_t>(length, lanes<S>));
            Integers<S> counted{};
            for (int lane = 0; lane < n; ++lane) counted[lane] = lane < dropped ? 0 : -1;
            return {window.data, dy, of.size_, places, counted, n};
        }

        void set_places(const Item& item) {
            const Box& box = item.box;
            places.x.clear(), places.dy.clear();
            const int64_t whole = box.length[2] / lanes<S> * lanes<S>;
            const int64_t dy_row = of.call_.G * of.call_.O * of.size_;
            const auto add = [&](int64_t b, int64_t i, int64_t j, int64_t k) {
                places.x.push_back(b * window.row + i * window.step[0] + j * window.step[1] + k);
                const int64_t line = (box.begin[0] + i) * of.reach_[1].count + box.begin[1] + j;
                places.dy.push_back(b * dy_row + line * of.reach_[2].count + box.begin[2] + k);
            };
            const auto each_row = [&](const auto& work) {
                for (int64_t b = 0; b < item.rows; ++b)
                    for (int64_t i = 0; i < box.length[0]; ++i)
                        for (int64_t j = 0; j < box.length[1]; ++j) work(b, i, j);
            };
            each_row([&](int64_t b, int64_t i, int64_t j) {
                for (int64_t k = 0; k < whole; k += lanes<S>) add(b, i, j, k);
            });
            places.full = places.x.size();
            const int64_t last = std::max<int64_t>(0, box.length[2] - lanes<S>);
            if (whole < box.length[2]) each_row([&](int64_t b, int64_t i, int64_t j) { add(b, i, j, last); });
        }

        void set_pairs() {
            pairs.clear();
            for (int64_t c = 0; c < of.call_.C; ++c)
                for (const int64_t tap : window.taps) pairs.push_back(c * window.channel + tap);
        }

        void add(const Outputs<S>& outputs, int64_t o0, int64_t o1, S* sums) const {
            for (int64_t p = 0; p < of.pairs_.pieces; ++p) {
                const int64_t first = of.pairs_.begin(p), N = of.pairs_.begin(p + 1) - first;
                kernel_gradient_tile_for<S>(o1 - o0, N)(outputs, outputs.dy + o0 * outputs.dy_channel,
                                                        pairs.data() + first, sums + p * tile_size);
            }
        }

        S sum(const Outputs<S>& outputs, const S* dy) const {
            Vector<S> total[1] = {};
            for (size_t v = 0; v < places.full; ++v) total[0] += load(dy + places.dy[v]);
            for (size_t v = places.full; v < places.dy.size(); ++v)
                total[0] += only<S>(outputs.counted, load(dy + places.dy[v], outputs.n));
            S sums[lanes<S>] = {};
            add_lanes<S>(total, sums);
            return sums[0];
        }
    };
};

}  // namespace chainrule::LEVEL
