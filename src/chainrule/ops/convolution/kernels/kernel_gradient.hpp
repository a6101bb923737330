// The gradients towards kernel and bias: correlations of the source with dy.
//
// A tile is R output channels by N pairs of a source channel and a tap: R * N vectors of sums over the outputs of a box
// stay in registers, then their lanes are added up. What is summed in which order doesn't depend on the threads.
#pragma once

#include "correlate.hpp"
#include "sums.hpp"

namespace chainrule::LEVEL {

inline constexpr int most_gradient_channels = accumulators / 6;
inline constexpr int64_t most_outputs = 2048, most_numbers = 1 << 18;  // of a box, and in its window
inline constexpr int most_pairs(int channels) { return std::min(12, accumulators / channels); }

// The vectors of outputs of a box: those full of outputs that no other holds, then those whose first lanes don't count.
struct Places {
    std::vector<int64_t> x, dy;
    size_t full;
};

template <class S> struct Outputs {
    const S *x, *dy;
    int64_t dy_channel;
    const Places& places;
    Integers<S> counted;  // of the lanes of those that are not full, all bits where they count
    int n;                // lanes to read of dy
};

template <class S> inline Vector<S> only(Integers<S> lanes, Vector<S> v) {
    return bits<Vector<S>>(bits<Integers<S>>(v) & lanes);
}

// Adds to sums (sums.hpp), for number r * N + n, the sum over the box of dy[r] x[pair n].
template <class S, int R, int N>
void kernel_gradient_tile(const Outputs<S>& outputs, const S* dy, const int64_t* pairs, S* sums) {
    Vector<S> sum[R * N] = {};
    const S* x[N];
#pragma GCC unroll 32
    for (int n = 0; n < N; ++n) x[n] = outputs.x + pairs[n];
    const Places& places = outputs.places;
    for (size_t v = 0; v < places.full; ++v) {
        Vector<S> d[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) d[r] = load(dy + r * outputs.dy_channel + places.dy[v]);
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            const Vector<S> read = load(x[n] + places.x[v]);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) sum[r * N + n] += d[r] * read;
        }
    }
    for (size_t v = places.full; v < places.x.size(); ++v) {
        Vector<S> d[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) d[r] = only<S>(outputs.counted, load(dy + r * outputs.dy_channel + places.dy[v], outputs.n));
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
            const Vector<S> read = only<S>(outputs.counted, load(x[n] + places.x[v]));
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) sum[r * N + n] += d[r] * read;
        }
    }
    add_lanes<S>(sum, sums);
}

template <class S> using KernelGradientTile = void (*)(const Outputs<S>&, const S*, const int64_t*, S*);

template <class S> KernelGradientTile<S> kernel_gradient_tile_for(int64_t R, int64_t N) {
    constexpr auto tiles = []<int... r>(std::integer_sequence<int, r...>) {
        constexpr auto row = []<int R, int... n>(std::integer_sequence<int, n...>) {
            return std::array<KernelGradientTile<S>, 12>{
                (n < most_pairs(R) ? kernel_gradient_tile<S, R, std::min(n + 1, most_pairs(R))> : nullptr)...};
        };
        return std::array<std::array<KernelGradientTile<S>, 12>, most_gradient_channels>{
            row.template operator()<r + 1>(std::make_integer_sequence<int, 12>())...};
    }(std::make_integer_sequence<int, most_gradient_channels>());
    return tiles[size_t(R - 1)][size_t(N - 1)];
}

template <class S> class KernelGradient {
    const Call& call_;
    const Reach reach_[3];
    const Source<S> source_;
    const int64_t K_, size_;  // entries of the kernel; outputs of a channel
    const Split tiles_, pairs_;
    const BoxSize box_size_;
    const int64_t rows_;  // of a box
    const std::vector<Item> items_;
    const Split slices_, parts_;  // of the boxes of all rows, whose sums are added at the end; of the tiles

public:
    explicit KernelGradient(const Call& call)
        : call_(call), reach_{forward_reach(call.axes[0]), forward_reach(call.axes[1]), forward_reach(call.axes[2])},
          source_{static_cast<const S*>(call.x), call.x_row, call.x_channel, {call.x_step[0], call.x_step[1]}},
          K_(reach_[0].taps * reach_[1].taps * reach_[2].taps), size_(reach_[0].count * reach_[1].count * reach_[2].count),
          tiles_(call.O, most_gradient_channels), pairs_(call.C * K_, most_pairs(int(tiles_.longest()))), 
          box_size_(reach_, call.C, lanes<S>, most_outputs, most_numbers),
          rows_(box_size_.rows(reach_, call.C, call.B, most_outputs, most_numbers)),
          items_(forward_items(call, reach_, box_size_, rows_)),
          slices_(pieces(int64_t(items_.size()), std::clamp<int64_t>((1 << 21) / std::max<int64_t>(1, numbers()), 1, 8))),
          parts_(pieces(tiles_.pieces, slices_.pieces > 2 ? 1 : 8)) {}

    int64_t workspace() const { return slices_.pieces * numbers() + call_.threads * room(); }

    void run() const {
        S* const sums = static_cast<S*>(call_.workspace);
        in_parallel(int(call_.threads), [&](int64_t t) {
            Worker worker{*this, Window<S>(source_, reach_, call_.C, sums + slices_.pieces * numbers() + t * room()), {}, {}};
            const int64_t items = slices_.pieces * call_.G * parts_.pieces;
            for (int64_t i = items * t / call_.threads; i < items * (t + 1) / call_.threads; ++i)
                worker.run(i / parts_.pieces / call_.G, i / parts_.pieces % call_.G, i % parts_.pieces, sums);
        });
        in_parallel(int(call_.threads), [&](int64_t t) {
            const int64_t tiles = call_.G * tiles_.pieces;
            for (int64_t i = tiles * t / call_.threads; i < tiles * (t + 1) / call_.threads; ++i)
                give_out(i / tiles_.pieces, i % tiles_.pieces, sums);
        });
    }

private:
    static constexpr int64_t tile_size = (accumulators + lanes<S> - 1) / lanes<S> * lanes<S>;

    static Split pieces(int64_t count, int64_t number) { return Split(count, std::max<int64_t>(1, (count + number - 1) / number)); }
    // Of a slice: the sums of all tiles, then the gradient towards the bias.
    int64_t numbers() const { return call_.G * (tiles_.pieces * pairs_.pieces * tile_size + call_.O); }
    S* tile(S* sums, int64_t slice, int64_t g, int64_t tile) const {
        return sums + slice * numbers() + (g * tiles_.pieces + tile) * pairs_.pieces * tile_size;
    }
    S* bias(S* sums, int64_t slice, int64_t g) const {
        return sums + slice * numbers() + call_.G * tiles_.pieces * pairs_.pieces * tile_size + g * call_.O;
    }
    int64_t room() const { return rows_ * Window<S>::room(reach_, call_.C, box_size_.largest()); }

    // Adds up the slices of the channels of a tile.
    void give_out(int64_t g, int64_t i, S* sums) const {
        S *dw = static_cast<S*>(call_.dw), *dbias = static_cast<S*>(call_.dbias);
        const int64_t first = tiles_.begin(i), R = tiles_.begin(i + 1) - first, entries = call_.C * K_;
        const auto total = [&](const S* of) {
            S sum = of[0];
            for (int64_t s = 1; s < slices_.pieces; ++s) sum += of[s * numbers()];
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

        // Adds up one slice, for one group and one part of its channels.
        void run(int64_t slice, int64_t g, int64_t part, S* sums) {
            const Call& call = of.call_;
            const int64_t begin = of.parts_.begin(part), end = of.parts_.begin(part + 1);
            S* dbias = of.bias(sums, slice, g);
            std::fill(of.tile(sums, slice, g, begin), of.tile(sums, slice, g, end), S(0));
            std::fill(dbias + of.tiles_.begin(begin), dbias + of.tiles_.begin(end), S(0));
            for (int64_t i = of.slices_.begin(slice); i < of.slices_.begin(slice + 1); ++i) {
                const Item& item = of.items_[size_t(i)];
                const Box& box = item.box;
                if (window.place(item, g)) {
                    set_places(item);
                    set_pairs();
                }
                const int n = int(std::min<int64_t>(box.length[2], lanes<S>));
                Integers<S> counted{};
                const int64_t dropped = box.length[2] < lanes<S> ? 0 : (lanes<S> - box.length[2] % lanes<S>);
                for (int lane = 0; lane < n; ++lane) counted[lane] = lane < dropped ? 0 : -1;
                const S* dy = static_cast<const S*>(call.dy) + (item.b * call.G + g) * call.O * of.size_;
                const Outputs<S> outputs{window.data, dy, of.size_, places, counted, n};
                for (int64_t tile = begin; tile < end; ++tile)
                    add(outputs, of.tiles_.begin(tile), of.tiles_.begin(tile + 1), of.tile(sums, slice, g, tile));
                if (call.dbias)
                    for (int64_t o = of.tiles_.begin(begin); o < of.tiles_.begin(end); ++o)
                        dbias[o] += sum(outputs, dy + o * of.size_);
            }
        }

        void set_places(const Item& item) {
            const Box& box = item.box;
            places.x.clear(), places.dy.clear();
            const int64_t whole = box.length[2] / lanes<S> * lanes<S>;
            const int64_t dy_row = of.call_.G * of.call_.O * of.size_;
            const auto add = [&](int64_t b, int64_t i, int64_t j, int64_t k) {
                places.x.push_back(b * window.row + i * window.step[0] + j * window.step[1] + k);
                places.dy.push_back(b * dy_row + ((box.begin[0] + i) * of.reach_[1].count + box.begin[1] + j) * of.reach_[2].count +
                                    box.begin[2] + k);
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
            if (whole < box.length[2])
                each_row([&](int64_t b, int64_t i, int64_t j) { add(b, i, j, std::max<int64_t>(0, box.length[2] - lanes<S>)); });
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
