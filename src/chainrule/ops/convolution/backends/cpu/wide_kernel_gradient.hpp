// The gradients towards kernel and bias, of many channels.
//
// Words are of neighbouring positions: of x, numbers that lie side by side, at whichever place a tap reads them; of dy,
// transposed first, so that a vector holds those of the channels.
#pragma once

#include "boxed_kernel_gradient.hpp"
#include "wide_tiles.hpp"

namespace chainrule::LEVEL {

template <class M> class WideKernelGradient : public BoxedKernelGradient<WideKernelGradient<M>, M> {
    using Boxed = BoxedKernelGradient<WideKernelGradient, M>;
    friend Boxed;
    using typename Boxed::S, typename Boxed::Window;
    using Boxed::call_, Boxed::reach_, Boxed::K_, Boxed::size_, Boxed::tiles_, Boxed::box_size_, Boxed::rows_;
    using Boxed::numbers_, Boxed::slices_;
    using Task = typename WideGradientTile<M>::Task;
    static constexpr int L = lanes<S>;
    static constexpr int64_t most_outputs = 512;  // of a box

    const int outer_;      // the axis along which products with zeros around x are left out
    const int64_t inner_;  // entries of the kernel for each along it

public:
    explicit WideKernelGradient(const Call& call)
        : Boxed(call, tiles(call), most_outputs, call.G * tiles(call).count * L * (call.C * Boxed::entries(call) + 1)),
          outer_(reach_[0].taps > 1 ? 0 : 1), inner_(K_ / reach_[outer_].taps) {}

private:
    // Of the vectors of output channels.
    static Split tiles(const Call& call) { return Split((call.O + L - 1) / L, most_wide<M>); }

    // Of a slice: for each vector of channels the sums of all pairs of a source channel and a tap, and of dy.
    S* tile(S* sums, int64_t slice, int64_t g, int64_t tile) const {
        return sums + slice * numbers_ + (g * tiles_.count + tiles_.begin(tile)) * L * (call_.C * K_ + 1);
    }
    int64_t dy_room() const {
        const Box box = box_size_.largest();
        return rows_ * box.length[0] * box.length[1] * words<M>(box.length[2]) * tiles_.count * L;
    }
    int64_t room() const { return dy_room() + words<M>(this->window_room() + L * per_word<M>); }

    // Where the sums of an entry of dw are: by tap along the outer axis, by source channel, by the other taps.
    int64_t place(int64_t entry) const {
        const int64_t c = entry / K_, tap = entry % K_;
        return (tap / inner_ * call_.C + c) * inner_ + tap % inner_;
    }

    // Adds up the slices of the channels of a tile.
    void give_out(int64_t g, int64_t i, S* sums) const {
        Stored<M> *dw = static_cast<Stored<M>*>(call_.dw), *dbias = static_cast<Stored<M>*>(call_.dbias);
        const int64_t V = tiles_.begin(i + 1) - tiles_.begin(i), entries = call_.C * K_, first = tiles_.begin(i) * L;
        const S* from = tile(sums, 0, g, i);
        const auto total = [&](const S* of) {
            Vector<S> sum = load(of);
            for (int64_t s = 1; s < slices_.pieces; ++s) sum += load(of + s * numbers_);
            return sum;
        };
        for (int64_t v = 0; v < V; ++v) {
            const int count = int(std::min<int64_t>(L, call_.O - first - v * L));
            Stored<M>* to = dw + (g * call_.O + first + v * L) * entries;
            for (int64_t p = 0; p < entries; p += L * per_word<M>) {
                const int64_t n = std::min<int64_t>(L * per_word<M>, entries - p);
                const auto sum_of = [&](int64_t q) {
                    return q < n ? total(from + (place(p + q) * V + v) * L) : Vector<S>{};
                };
                Vector<S> block[L];
                for (int64_t w = 0; w < L; ++w) {
                    if constexpr (!rounds<M>) block[w] = sum_of(w);
                    else block[w] = paired(sum_of(2 * w), sum_of(2 * w + 1));
                }
                transpose<S>(block);
                for (int o = 0; o < count; ++o) store_words<M>(to + o * entries + p, block[o], n);
            }
            if (!dbias) continue;
            const Vector<S> sum = total(from + (entries * V + v) * L);
            for (int o = 0; o < count; ++o) dbias[g * call_.O + first + v * L + o] = to_store<M>(sum[o]);
        }
    }

    struct Worker {
        const WideKernelGradient& of;
        Window window;
        S* dy;  // the factors of a box
        std::vector<int64_t> places, pairs, lines;
        int64_t full = 0;

        Worker(const WideKernelGradient& of, S* room)
            : of(of), window(of.source_, of.reach_, of.call_.C, reinterpret_cast<Stored<M>*>(room + of.dy_room())),
              dy(room) {}

        // Adds up one slice, for one group and one part of its channels.
        void run(int64_t slice, int64_t g, int64_t part, S* sums) {
            const int64_t begin = of.parts_.begin(part), end = of.parts_.begin(part + 1);
            for (int64_t i = of.slices_.begin(slice); i < of.slices_.begin(slice + 1); ++i) {
                const Item& item = of.items_[size_t(i)];
                if (window.place(item, g)) {
                    set_places(item);
                    set_pairs();
                }
                for (int64_t tile = begin; tile < end; ++tile) {
                    const int64_t V = of.tiles_.begin(tile + 1) - of.tiles_.begin(tile);
                    transpose_dy(item, g, of.tiles_.begin(tile), V);
                    add(item, V, i == of.slices_.begin(slice), of.tile(sums, slice, g, tile));
                }
            }
        }

        // Of the words of a box, those that are whole and then those with one number; line by line, and by rows in it.
        void set_places(const Item& item) {
            const Box& box = item.box;
            places.clear(), lines.clear();
            const int64_t length = box.length[2] / per_word<M> * per_word<M>;
            const auto each_line = [&](const auto& work) {
                for (int64_t i = 0; i < box.length[0]; ++i)
                    for (int64_t j = 0; j < box.length[1]; ++j)
                        for (int64_t b = 0; b < item.rows; ++b)
                            work(b * window.row + i * window.step[0] + j * window.step[1], b, i, j);
            };
            each_line([&](int64_t at, int64_t b, int64_t i, int64_t j) {
                for (int64_t k = 0; k < length; k += per_word<M>) places.push_back(at + k);
                const int64_t line = (box.begin[0] + i) * of.reach_[1].count + box.begin[1] + j;
                lines.push_back(b * of.call_.G * of.call_.O * of.size_ + line * of.reach_[2].count + box.begin[2]);
            });
            full = int64_t(places.size());
            if (length < box.length[2])
                each_line([&](int64_t at, int64_t, int64_t, int64_t) { places.push_back(at + length); });
        }

        void set_pairs() {
            pairs.clear();
            for (size_t tap = 0; tap < window.taps.size(); tap += size_t(of.inner_))
                for (int64_t c = 0; c < of.call_.C; ++c)
                    for (int64_t i = 0; i < of.inner_; ++i)
                        pairs.push_back(c * window.channel + window.taps[tap + size_t(i)]);
        }

        // The factors of V vectors of channels, the first of them `first`, in the order of the places.
        void transpose_dy(const Item& item, int64_t g, int64_t first, int64_t V) {
            constexpr int64_t most = L * per_word<M>;
            const int64_t length = item.box.length[2], whole = length / per_word<M>;
            const Stored<M>* from = static_cast<const Stored<M>*>(of.call_.dy) +
                                    ((item.b * of.call_.G + g) * of.call_.O + first * L) * of.size_;
            for (int64_t v = 0; v < V; ++v, from += L * of.size_) {
                const int count = int(std::min<int64_t>(L, of.call_.O - (first + v) * L));
                for (int64_t line = 0; line < int64_t(lines.size()); ++line)
                    for (int64_t k = 0; k < length; k += most) {
                        const int64_t n = std::min(most, length - k), at = line * whole + k / per_word<M>;
                        const Stored<M>* row = from + lines[size_t(line)] + k;
                        Vector<S> block[L];
#pragma GCC unroll 32
                        for (int i = 0; i < L; ++i)
                            block[i] = i < count ? load_words<M>(row + i * of.size_, n) : Vector<S>{};
                        transpose<S>(block);
                        const int64_t words = n / per_word<M>;
#pragma GCC unroll 32
                        for (int i = 0; i < L; ++i)
                            if (i < words) store(dy + ((at + i) * V + v) * L, block[i]);
                            else if (i * per_word<M> < n) store(dy + ((full + line) * V + v) * L, block[i]);
                    }
            }
        }

        void add(const Item& item, int64_t V, bool is_first, S* sums) const {
            const Reach& outer = of.reach_[of.outer_];
            const int64_t each = of.call_.C * of.inner_;
            const Split pieces(each, most_spread<M>(int(V)));
            for (int64_t tap = 0; tap < outer.taps; ++tap) {
                const Task task = task_of(item, tap, is_first);
                for (int64_t p = 0; p < pieces.pieces; ++p) {
                    const int64_t begin = tap * each + pieces.begin(p), N = pieces.begin(p + 1) - pieces.begin(p);
                    const auto tile = wide_tile_for<M, WideGradientTile<M>>(V, N);
                    tile(task, pairs.data() + begin, sums + begin * V * L);
                }
            }
            if (of.call_.dbias) add_bias(V, is_first, sums + outer.taps * each * V * L);
        }

        // The words that a tap along the outer axis meets where x exists, if those are lines after each other.
        Task task_of(const Item& item, int64_t tap, bool is_first) const {
            const Box& box = item.box;
            const int64_t count = int64_t(lines.size()), words = full / count, whole = int64_t(places.size());
            int64_t begin = 0, end = count;
            if (of.outer_ == 0 || box.length[0] == 1) {
                const int64_t each = count / box.length[of.outer_];
                const auto reads = [&](int64_t line) {
                    const Reach& outer = of.reach_[of.outer_];
                    const int64_t at = outer.lowest(box.begin[of.outer_] + line / each) + outer.between * tap;
                    return 0 <= at && at < outer.size;
                };
                while (begin < end && !reads(begin)) begin += each;
                while (begin < end && !reads(end - 1)) end -= each;
            }
            const bool ends = whole > full;
            return {.x = window.data,
                    .dy = dy,
                    .places = places.data(),
                    .begin = begin * words,
                    .end = end * words,
                    .ends = full + begin * ends,
                    .last = full + end * ends,
                    .is_first = is_first};
        }

        void add_bias(int64_t V, bool is_first, S* sums) const {
            const Vector<S> one = spread_word<M>(word_of_ones());
            for (int64_t v = 0; v < V; ++v) {
                Vector<S> sum[4] = {};
                const int64_t count = int64_t(places.size());
                const auto add = [&](int64_t i, Vector<S>& to) __attribute__((always_inline)) {
                    to = add_product<M>(to, one, load(dy + (i * V + v) * L));
                };
                int64_t i = 0;
                for (; i + 4 <= count; i += 4) {
#pragma GCC unroll 4
                    for (int k = 0; k < 4; ++k) add(i + k, sum[k]);
                }
                for (; i < count; ++i) add(i, sum[0]);
                const Vector<S> before = is_first ? Vector<S>{} : load(sums + v * L);
                store(sums + v * L, before + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
            }
        }
        static S word_of_ones() {
            if constexpr (!rounds<M>) return 1;
            else return bits<S>(0x3f803f80u);
        }
    };
};

}  // namespace chainrule::LEVEL
