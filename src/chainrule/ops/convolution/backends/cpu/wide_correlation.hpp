// The correlation of a source with a kernel whose lanes are channels of the result: for products of words.
#pragma once

#include "boxed_correlation.hpp"
#include "wide_tiles.hpp"

namespace chainrule::LEVEL {

template <class M> class WideCorrelation : public BoxedCorrelation<WideCorrelation<M>, M, lanes<Number<M>>> {
    using Boxed = BoxedCorrelation<WideCorrelation, M, lanes<Number<M>>>;
    friend Boxed;
    using typename Boxed::S, typename Boxed::Window;
    using Boxed::reach_, Boxed::C_, Boxed::O_, Boxed::tiles_, Boxed::taps_;
    static constexpr int L = lanes<S>;

public:
    WideCorrelation(const Call& call, const Correlated<M>& of)
        : Boxed(call, of, std::min(of.reach[2].count <= 6 ? 4 : 3, most_wide<M>)) {}

private:
    struct Worker {
        const WideCorrelation& of;
        const S* weights;
        Window window;

        Worker(const WideCorrelation& of, const S* weights, S* room)
            : of(of), weights(weights), window(of.source_, of.reach_, of.C_, room) {}

        void run(const Item& item, int64_t g) {
            window.place(item, g);
            for (int64_t tile = 0; tile < of.tiles_.pieces; ++tile) of.correlate(window, weights, item, g, tile);
        }
    };

    // The outputs of a box, of the channels of a tile: so many positions at a time as a transposed block has.
    void correlate(const Window& window, const S* weights, const Item& item, int64_t g, int64_t tile) const {
        constexpr int64_t most = L * per_word<M>;
        const int64_t V = tiles_.begin(tile + 1) - tiles_.begin(tile), o = tiles_.begin(tile) * L;
        const Box& box = item.box;
        Stored<M>* const result = this->result(item.b, g, o);
        typename WideTile<M>::Task task{this->panel(weights, g, tile), nullptr, words<M>(C_), window.channel,
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
                    give_out(sums, V, n, result + this->place(box, i, j, k), O_ - o);
                }
            }
    }

    // n positions of V vectors of channels, of which so many are left, to their lines.
    void give_out(const S* sums, int64_t V, int64_t n, Stored<M>* to, int64_t left) const {
        const int64_t pace = reach_[2].pace, size = this->channel();
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
