// One instruction level: CMake compiles this file once for each, with its flags and its name in LEVEL.
#include "backward.hpp"
#include "forward.hpp"

namespace chainrule::LEVEL {

extern const Kernels singles, doubles;  // module.cpp declares the same

namespace {

// Call `visit` with the cell's type.
template <class S, class Visit> auto visit_cell(Cell cell, Visit visit) {
    switch (cell) {
        case Cell::rnn_tanh: return visit(static_cast<Rnn<S, Tanh<S>>*>(nullptr));
        case Cell::rnn_relu: return visit(static_cast<Rnn<S, Relu<S>>*>(nullptr));
        case Cell::gru: return visit(static_cast<Gru<S>*>(nullptr));
        default: return visit(static_cast<Lstm<S>*>(nullptr));
    }
}

// How much memory a pass lays out: from null, its arena counts.
template <class S> int64_t forward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_cell<S>(cell, [&]<class C>(C*) { return Forward<C, S>(counted).arena.used; });
}

template <class S> int64_t backward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_cell<S>(cell, [&]<class C>(C*) { return Backward<C, S>(counted).arena.used; });
}

template <class S> void forward(Cell cell, const Call& call) {
    visit_cell<S>(cell, [&]<class C>(C*) { Forward<C, S>(call).run(); });
}

template <class S> void backward(Cell cell, const Call& call) {
    visit_cell<S>(cell, [&]<class C>(C*) { Backward<C, S>(call).run(); });
}

template <class S> void evaluate(bool is_sigmoid, int64_t count, const void* from, void* to) {
    const S* x = static_cast<const S*>(from);
    S* y = static_cast<S*>(to);
    for (int64_t i = 0; i < count; i += lanes<S>) {
        const int n = count - i < lanes<S> ? int(count - i) : lanes<S>;
        const Vector<S> v = load(x + i, n);
        store(y + i, is_sigmoid ? sigmoid<S>(v) : tanh<S>(v), n);
    }
}

template <class S> constexpr Kernels kernels() {
    return {forward_workspace<S>, backward_workspace<S>, forward<S>, backward<S>, evaluate<S>};
}

}  // namespace

constinit const Kernels singles = kernels<float>(), doubles = kernels<double>();

}  // namespace chainrule::LEVEL
