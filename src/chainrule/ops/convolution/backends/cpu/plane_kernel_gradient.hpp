// The gradients towards kernel and bias over planes. A channel's sums stay vectors until all rows are added up.
#pragma once

#include <array>
#include <utility>

#include "../../../compiled/threads.hpp"
#include "planes.hpp"

namespace chainrule::LEVEL {

template <class S> class PlaneKernelGradient {
    static constexpr int most_taps = accumulators / 2;  // of a tile

    const Call& call_;
    const Reach reach_[3];
    const Source<S> source_;
    const Planes<S> planes_;
    const int64_t taps_, dropped_;  // dropped: the lanes of a plane's last vector that the one before it has too
    const Split slices_;            // of the stretches of all rows: as many as the shape says, not the threads

public:
    explicit PlaneKernelGradient(const Call& call)
        : call_(call), reach_{forward_reach(call.axes[0]), forward_reach(call.axes[1]), forward_reach(call.axes[2])},
          source_{static_cast<const S*>(call.x), call.x_row, call.x_channel, {call.x_step[0], call.x_step[1]}},
          planes_(call, reach_), taps_(int64_t(planes_.offsets.size())),
          dropped_((lanes<S> - planes_.outputs % lanes<S>) % lanes<S>),
          slices_(pieces(call.B * int64_t(planes_.stretches.size()), call.G)) {}

    static bool fits(const Call& call) {
        const Reach reach[3] = {forward_reach(call.axes[0]), forward_reach(call.axes[1]), forward_reach(call.axes[2])};
        return Planes<S>::fit(call, reach, call.x_step);
    }

    int64_t workspace() const { return call_.G * slices_.pieces * numbers() + call_.threads * planes_.room(); }

    void run() const {
        S* const sums = static_cast<S*>(call_.workspace);
        const int64_t all = call_.G * slices_.pieces;
        in_parallel(int(call_.threads), [&](int64_t t) {
            S* const room = sums + all * numbers() + t * planes_.room();
            const int64_t begin = all * t / call_.threads, end = all * (t + 1) / call_.threads;
            for (int64_t i = begin, next; i < end; i = next) {
                next = std::min(end, (i / call_.G + 1) * call_.G);
                add(i / call_.G, i % call_.G, i % call_.G + next - i, sums + i * numbers(), room);
            }
        });
        for (int64_t g = 0; g < call_.G; ++g) give_out(g, sums + g * numbers());
    }

private:
    static Split pieces(int64_t stretches, int64_t channels) {
        const int64_t number = std::clamp<int64_t>(16 / channels, 1, 8);
        return Split(stretches, (stretches + number - 1) / number);
    }
    // Of a slice of a channel: a vector a tap, and one of the bias.
    int64_t numbers() const { return (taps_ + 1) * lanes<S>; }

    // Channels g to end - 1 of a slice.
    void add(int64_t slice, int64_t begin, int64_t end, S* sums, S* room) const {
        const int64_t pieces = int64_t(planes_.stretches.size());
        std::fill_n(sums, (end - begin) * numbers(), S(0));
        for (int64_t i = slices_.begin(slice); i < slices_.begin(slice + 1); ++i)
            for (int64_t g = begin; g < end; ++g)
                add(planes_.stretches[size_t(i % pieces)], i / pieces, g, sums + (g - begin) * numbers(), room);
    }

    void add(const Stretch& stretch, int64_t b, int64_t g, S* sums, S* room) const {
        const S* x = planes_.place(stretch, source_.data + b * source_.row + g * source_.channel, room);
        const S* dy = static_cast<const S*>(call_.dy) + (b * call_.G + g) * planes_.outputs;
        for (int64_t column = 0, tap = 0; column < planes_.columns; ++column) {
            const Split tiles(planes_.of_column, most_taps);
            for (int64_t tile = 0; tile < tiles.pieces; ++tile) {
                const int64_t N = tiles.begin(tile + 1) - tiles.begin(tile);
                (column == planes_.whole ? without : with_masks)[size_t(N - 1)](
                    *this, stretch, x, dy, tap, planes_.masks.data() + column * planes_.mask_size,
                    sums + tap * lanes<S>);
                tap += N;
            }
        }
        add_bias(stretch, dy, sums + taps_ * lanes<S>);
    }

    Integers<S> counted() const {
        Integers<S> counted{};
        for (int lane = 0; lane < lanes<S>; ++lane) counted[lane] = lane < dropped_ ? 0 : -1;
        return counted;
    }
    // Of a stretch, the vectors of which all lanes count.
    int64_t full(const Stretch& stretch) const {
        return stretch.end - (dropped_ && stretch.end == int64_t(planes_.begins.size()));
    }

    using Tile = void (*)(const PlaneKernelGradient&, const Stretch&, const S*, const S*, int64_t, const S*, S*);

    // Adds to sums those of N taps, `tap` the first. Few sums are split into chains, to fill the pipelines.
    template <bool masked, int N>
    static void tile(const PlaneKernelGradient& of, const Stretch& stretch, const S* x, const S* dy, int64_t tap,
                     const S* mask, S* sums) {
        constexpr int chains = N > 6 ? 1 : N > 3 ? 2 : 4;
        const Planes<S>& planes = of.planes_;
        const int64_t *begins = planes.begins.data(), *in_line = planes.in_line.data(), base = begins[stretch.begin];
        const S* from[N];
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) from[n] = x + (planes.offsets[size_t(tap + n)] - base);
        Vector<S> sum[chains][N] = {};
        const auto step = [&]<bool all>(Vector<S> (&to)[N], int64_t v, std::bool_constant<all>, Integers<S> kept)
                              __attribute__((always_inline)) {
            if constexpr (masked) kept &= load(mask + in_line[v]) != Vector<S>{};
            Vector<S> d = load(dy + begins[v]);
            if constexpr (masked || !all) d = only<S>(kept, d);
#pragma GCC unroll 32
            for (int n = 0; n < N; ++n) {
                Vector<S> read = load(from[n] + begins[v]);
                if constexpr (masked || !all) read = only<S>(kept, read);
                to[n] += d * read;
            }
        };
        const Integers<S> every = Integers<S>{} - 1;
        const int64_t full = of.full(stretch);
        int64_t v = stretch.begin;
        for (; v + chains <= full; v += chains) {
#pragma GCC unroll 8
            for (int c = 0; c < chains; ++c) step(sum[c], v + c, std::true_type{}, every);
        }
        for (; v < full; ++v) step(sum[0], v, std::true_type{}, every);
        if (v < stretch.end) step(sum[0], v, std::false_type{}, of.counted());
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
#pragma GCC unroll 8
            for (int c = 1; c < chains; ++c) sum[0][n] += sum[c][n];
            store(sums + n * lanes<S>, load(sums + n * lanes<S>) + sum[0][n]);
        }
    }

    void add_bias(const Stretch& stretch, const S* dy, S* sums) const {
        Vector<S> sum[4] = {load(sums)};
        int64_t v = stretch.begin;
        for (; v + 4 <= full(stretch); v += 4) {
#pragma GCC unroll 4
            for (int c = 0; c < 4; ++c) sum[c] += load(dy + planes_.begins[size_t(v + c)]);
        }
        for (; v < full(stretch); ++v) sum[0] += load(dy + planes_.begins[size_t(v)]);
        if (v < stretch.end) sum[1] += only<S>(counted(), load(dy + planes_.begins[size_t(v)]));
        store(sums, (sum[0] + sum[1]) + (sum[2] + sum[3]));
    }

    void give_out(int64_t g, const S* sums) const {
        const auto total = [&](int64_t n) {
            S total = 0;
            for (int64_t slice = 0; slice < slices_.pieces; ++slice)
                for (int lane = 0; lane < lanes<S>; ++lane)
                    total += sums[slice * call_.G * numbers() + n * lanes<S> + lane];
            return total;
        };
        S* const dw = static_cast<S*>(call_.dw) + g * taps_;
        for (int64_t n = 0; n < taps_; ++n) dw[planes_.entries[size_t(n)]] = total(n);
        if (call_.dbias) static_cast<S*>(call_.dbias)[g] = total(taps_);
    }

    template <bool masked, int... n>
    static constexpr std::array<Tile, most_taps> tiles_of(std::integer_sequence<int, n...>) {
        return {tile<masked, n + 1>...};
    }
    static constexpr auto with_masks = tiles_of<true>(std::make_integer_sequence<int, most_taps>());
    static constexpr auto without = tiles_of<false>(std::make_integer_sequence<int, most_taps>());
};

}  // namespace chainrule::LEVEL
