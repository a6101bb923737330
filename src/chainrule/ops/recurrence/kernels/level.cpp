// One instruction level: CMake compiles this file once for each, with its flags and its name in LEVEL.
#include "scan.hpp"

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

template <class S> int64_t packed_size(Cell cell, int64_t H) {
    return visit_cell<S>(cell, [&]<class C>(C*) { return vectors<S>(H) * panel_size<S>(H, C::gates); });
}

template <class S> int64_t workspace_size(Cell cell, int64_t H, int64_t B, int64_t threads) {
    return visit_cell<S>(cell, [&]<class C>(C*) { return threads * Scratch<S>(B, H, C::gates, threads).size(); });
}

template <class S> void pack(Cell cell, int64_t H, const void* W, const void* bias, void* packed) {
    visit_cell<S>(cell, [&]<class C>(C*) {
        panels_forward<S, C::gates>(H, static_cast<const S*>(W), static_cast<const S*>(bias), static_cast<S*>(packed));
    });
}

template <class S> void pack_backward(Cell cell, int64_t H, const void* W, void* packed) {
    visit_cell<S>(cell, [&]<class C>(C*) {
        panels_backward<S, C::gates>(H, static_cast<const S*>(W), static_cast<S*>(packed));
    });
}

template <class S> void forward(Cell cell, const Call& call) {
    visit_cell<S>(cell, [&]<class C>(C*) { run<Forward<C, S>, S>(call, C::gates); });
}

template <class S> void backward(Cell cell, const Call& call) {
    visit_cell<S>(cell, [&]<class C>(C*) { run<Backward<C, S>, S>(call, C::gates); });
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
    return {packed_size<S>, workspace_size<S>, pack<S>, pack_backward<S>, forward<S>, backward<S>, evaluate<S>};
}

}  // namespace

constinit const Kernels singles = kernels<float>(), doubles = kernels<double>();

}  // namespace chainrule::LEVEL
