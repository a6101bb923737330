// The correlation of a source with a kernel: the forward pass, and the gradient towards the input.
#pragma once

#include "boxed_correlation.hpp"
#include "correlate_tile.hpp"
#include "plane_correlation.hpp"
#include "wide_correlation.hpp"

namespace chainrule::LEVEL {

// The correlation whose lanes are neighbouring outputs.
template <class S> class Correlation : public BoxedCorrelation<Correlation<S>, S, 1> {
    using Boxed = BoxedCorrelation<Correlation, S, 1>;
    friend Boxed;
    using Boxed::reach_, Boxed::tiles_;

public:
    Correlation(const Call& call, const Correlated<S>& of) : Boxed(call, of, most_channels) {}

private:
    struct Worker {
        const Correlation& of;
        const S* weights;
        Window<S> window;
        std::vector<int64_t> from, to;  // the vectors of a box

        Worker(const Correlation& of, const S* weights, S* room)
            : of(of), weights(weights), window(of.source_, of.reach_, of.C_, room) {}

        void run(const Item& item, int64_t g) {
            if (window.place(item, g)) set_places(item.box);
            correlate(item.b, g, int(std::min<int64_t>(item.box.length[2], lanes<S>)));
        }

        // A row's last vector ends where the row does: it may compute some outputs a second time.
        void set_places(const Box& box) {
            from.clear(), to.clear();
            for (int64_t i = 0; i < box.length[0]; ++i)
                for (int64_t j = 0; j < box.length[1]; ++j)
                    for (int64_t k = 0; k < box.length[2]; k += lanes<S>) {
                        const int64_t begin = std::max<int64_t>(0, std::min<int64_t>(k, box.length[2] - lanes<S>));
                        from.push_back(i * window.step[0] + j * window.step[1] + begin);
                        to.push_back(of.place(box, i, j, begin));
                    }
        }

        void correlate(int64_t b, int64_t g, int n) const {
            const Split& tiles = of.tiles_;
            const Split vectors(int64_t(from.size()), most_vectors(int(tiles.longest())));
            for (int64_t v = 0; v < vectors.pieces; ++v) {
                const int64_t first = vectors.begin(v), U = vectors.begin(v + 1) - first;
                for (int64_t tile = 0; tile < tiles.pieces; ++tile) {
                    const int64_t o = tiles.begin(tile);
                    const Sink<S> sink{of.result(b, g, o), of.channel(), of.reach_[2].pace, n};
                    correlate_tile_for<S>(tiles.begin(tile + 1) - o, U)(
                        {of.panel(weights, g, tile), of.C_, of.taps_}, window, from.data() + first, sink, to.data() + first);
                }
            }
        }
    };
};

// Calls work(correlation) with the one that takes the least time.
template <class M, class Work> void correlation(const Call& call, const Correlated<M>& of, const Work& work) {
    if constexpr (rounds<M>) work(WideCorrelation<M>(call, of));
    else if (Planes<M>::fit(call, of.reach, of.source.step))
        work(PlaneCorrelation<M>(call, of.source, of.reach, of.bias, of.result));
    else work(Correlation<M>(call, of));
}

// Calls work(correlation) with the forward pass.
template <class M, class Work> void forward_correlation(const Call& call, const Work& work) {
    const auto& a = call.axes;
    const Reach reach[3] = {forward_reach(a[0]), forward_reach(a[1]), forward_reach(a[2])};
    const int64_t sizes[3] = {a[0].positions, a[1].positions, a[2].positions};
    const int64_t K = a[0].kernel * a[1].kernel * a[2].kernel;
    const Source<Stored<M>> x{
        static_cast<const Stored<M>*>(call.x), call.x_row, call.x_channel, {call.x_step[0], call.x_step[1]}};
    const Layout layout{call.O * call.C * K, call.C * K, K};
    correlation<M>(call, {x, reach, call.C, call.O, layout, call.bias, call.y, sizes, true}, work);
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
                correlation<M>(call, {dy, reach, call.O, call.C, layout, nullptr, call.dx, sizes, false}, work);
            }
}

}  // namespace chainrule::LEVEL
