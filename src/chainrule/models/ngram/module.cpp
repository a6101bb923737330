// The Python module _counts: n-grams counted, and symbols scored by them. Sizes have been checked by whoever calls.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include "arrays.hpp"
#include "smoothing.hpp"

namespace chainrule {
namespace {

namespace nb = nanobind;

template <class T, int dims> using Array = nb::ndarray<T, nb::ndim<dims>, nb::c_contig, nb::device::cpu>;
using Symbols = Array<const int64_t, 2>;

const Discounts* of(const Array<const double, 2>& discounts) {
    static_assert(sizeof(Discounts) == 4 * sizeof(double));
    return reinterpret_cast<const Discounts*>(discounts.data());
}

// Go through the rows of x, each from its window on, which then is its window at the end. visit(contexts, symbol, found,
// index) sees each symbol and, if it counts, adds to what was found.
template <class Visit>
void walk(const Trie& trie, const Symbols& x, const Array<int64_t, 2>& windows, const bool* resets, const Visit& visit) {
    const size_t T = x.shape(1);
    const size_t W = windows.shape(1);
    for (size_t row = 0; row < x.shape(0); ++row) {
        int64_t* window = windows.data() + row * W;
        Contexts contexts = trie.after(window, int64_t(W));
        size_t begin = row * T;
        for (size_t i = row * T; i < (row + 1) * T; ++i) {
            if (resets && resets[i]) {
                contexts = trie.cold();
                std::fill_n(window, W, trie.symbols());
                begin = i;
            }
            const auto symbol = uint32_t(x.data()[i]);
            Found found = trie.followed(contexts, symbol);
            visit(contexts, symbol, found, i);
            trie.advance(contexts, found);
        }
        const size_t seen = std::min(W, (row + 1) * T - begin);
        std::copy(window + seen, window + W, window);
        std::copy_n(x.data() + (row + 1) * T - seen, seen, window + W - seen);
    }
}

using Resets = std::optional<Array<const bool, 2>>;
const bool* pointer(const Resets& resets) { return resets ? resets->data() : nullptr; }

void learn(Trie& trie, const Symbols& x, const Array<int64_t, 2>& windows, const Resets& resets) {
    walk(trie, x, windows, pointer(resets),
         [&](const Contexts& contexts, uint32_t symbol, Found& found, size_t) { trie.count(contexts, symbol, found); });
}

void predict(Trie& trie, const Array<const double, 2>& discounts, const Symbols& x, const Array<int64_t, 2>& windows,
             const Resets& resets, const Array<double, 2>& log_prob, bool counting) {
    const Discounts* d = of(discounts);
    walk(trie, x, windows, pointer(resets), [&](const Contexts& contexts, uint32_t symbol, Found& found, size_t i) {
        log_prob.data()[i] = std::log(probability(trie, contexts, found, d));
        if (counting) trie.count(contexts, symbol, found);
    });
}

// What a symbol's probability depends on, by the length of its context: its count there, the sum of counts, and how
// many successors have one, two and more: (B, T, order, 5), zeros where the context is not known.
void statistics(const Trie& trie, const Symbols& x, const Array<int64_t, 2>& windows, const Array<double, 4>& out) {
    walk(trie, x, windows, nullptr, [&](const Contexts& contexts, uint32_t, const Found& found, size_t i) {
        double* at = out.data() + i * size_t(trie.order()) * 5;
        for (int d = 0; d <= contexts.depth; ++d, at += 5) {
            if (contexts.at[size_t(d)] == none) continue;
            const Node& context = trie[contexts.at[size_t(d)]];
            const uint32_t entry = found[size_t(d)];
            at[0] = entry == none ? 0 : trie[entry].count;
            at[1] = context.total, at[2] = context.once, at[3] = context.twice;
            at[4] = double(context.distinct) - context.once - context.twice;
        }
    });
}

// What follows each window: p (N, V), and what is known of its contexts (N, depths, 3). With x (N) every symbol is
// counted before the next window is looked at.
void distributions(Trie& trie, const Array<const double, 2>& discounts, const Array<const int64_t, 2>& windows,
                   const Array<double, 2>& p, const std::optional<Array<double, 3>>& known,
                   const std::optional<Array<const int64_t, 1>>& x) {
    const size_t depths = known ? known->shape(1) : 0;
    for (size_t row = 0; row < windows.shape(0); ++row) {
        const Contexts contexts = trie.after(windows.data() + row * windows.shape(1), int64_t(windows.shape(1)));
        distribution(trie, contexts, of(discounts), p.data() + row * trie.symbols());
        if (known) by_depth(trie, contexts, of(discounts), int(depths), known->data() + row * depths * 3);
        if (!x) continue;
        const auto symbol = uint32_t(x->data()[row]);
        Found found = trie.followed(contexts, symbol);
        trie.count(contexts, symbol, found);
    }
}

// By length, how many n-grams have counts of one, two, three and four.
std::vector<std::array<int64_t, 4>> counts_of_counts(const Trie& trie) {
    std::vector<std::array<int64_t, 4>> counted(size_t(trie.order()));
    std::vector<uint8_t> lengths{0, 1};
    for (size_t i = first_entry; i < trie.nodes().size(); ++i) {
        const Node& node = trie[uint32_t(i)];
        const uint8_t shorter = lengths[node.parent];
        lengths.push_back(uint8_t(shorter + 1));
        if (node.count <= 4) ++counted[shorter][node.count - 1];
    }
    return counted;
}

}  // namespace
}  // namespace chainrule

NB_MODULE(_counts, m) {
    using namespace chainrule;
    using Column = Array<int32_t, 1>;
    using Read = Array<const int32_t, 1>;
    nb::set_leak_warnings(false);  // a model that lives until the interpreter ends is no leak
    m.attr("MOST_ORDER") = most_order;
    nb::class_<Trie>(m, "Trie")
        .def(nb::init<int, uint32_t, uint64_t>(), nb::arg("order"), nb::arg("symbols"), nb::arg("limit"))
        .def_prop_ro("order", &Trie::order)
        .def_prop_ro("symbols", &Trie::symbols)
        .def_prop_ro("left_out", &Trie::left_out)
        .def("__len__", &Trie::size)
        .def("__deepcopy__", [](const Trie& trie, const nb::object&) { return Trie(trie); })
        .def("learn", learn, nb::arg("x"), nb::arg("windows"), nb::arg("resets").none())
        .def("predict", predict, nb::arg("discounts"), nb::arg("x"), nb::arg("windows"), nb::arg("resets").none(),
             nb::arg("log_prob"), nb::arg("counting"))
        .def("statistics", statistics)
        .def("distributions", distributions, nb::arg("discounts"), nb::arg("windows"), nb::arg("p"),
             nb::arg("known").none(), nb::arg("x").none())
        .def("counts_of_counts", counts_of_counts)
        .def("write", [](const Trie& trie, const Column& parents, const Column& symbols, const Column& counts) {
            write(trie, parents.data(), symbols.data(), counts.data());
        })
        .def("read", [](Trie& trie, const Read& parents, const Read& symbols, const Read& counts) {
            read(trie, int64_t(parents.shape(0)), parents.data(), symbols.data(), counts.data());
        });
}
