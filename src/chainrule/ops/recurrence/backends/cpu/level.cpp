// One instruction level: CMake compiles this file once for each, with its flags and its name in LEVEL.
#include <stdexcept>

#include "../../../compiled/dtypes.hpp"
#include "backward.hpp"
#include "forward.hpp"
#include "stream.hpp"

namespace chainrule::LEVEL {

extern const ByDtype<Kernels> kernels;  // module.hpp declares the same

namespace {

// Call `visit` with the cell's type.
template <class S, class Visit> auto visit_cell(Cell cell, Visit visit) {
    switch (cell) {
        case Cell::rnn_tanh: return visit(static_cast<Rnn<S, Tanh<S>>*>(nullptr));
        case Cell::rnn_relu: return visit(static_cast<Rnn<S, Relu<S>>*>(nullptr));
        case Cell::gru_reset_before: return visit(static_cast<GruResetBefore<S>*>(nullptr));
        case Cell::gru: return visit(static_cast<Gru<S>*>(nullptr));
        case Cell::lstm: return visit(static_cast<Lstm<S>*>(nullptr));
    }
    throw std::invalid_argument("the kernels have no cell of this number");
}

// The same with or without options.
template <class S, class Visit> auto visit_either(Cell cell, bool with_options, Visit visit) {
    return visit_cell<S>(cell, [&]<class C>(C* plain) {
        return with_options ? visit(static_cast<Optioned<C>*>(nullptr)) : visit(plain);
    });
}

// How much memory a pass lays out: from null, its arena counts.
template <class S> int64_t forward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_either<S>(cell, call.optioned, [&]<class C>(C*) { return Forward<C, S>(counted).arena.used; });
}

template <class S> int64_t backward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_either<S>(cell, call.optioned, [&]<class C>(C*) { return Backward<C, S>(counted).arena.used; });
}

template <class S> void forward(Cell cell, const Call& call) {
    visit_either<S>(cell, call.optioned, [&]<class C>(C*) { Forward<C, S>(call).run(); });
}

template <class S> void backward(Cell cell, const Call& call) {
    visit_either<S>(cell, call.optioned, [&]<class C>(C*) { Backward<C, S>(call).run(); });
}

template <class S> int64_t packed_layer_size(Cell cell, int64_t I, int64_t H) {
    return visit_cell<S>(cell, [&]<class C>(C*) { return Stream<C, S>::packed_layer_size(I, H); });
}

template <class S>
void pack_layer(Cell cell, int64_t I, int64_t H, const void* W_ih, const void* W_hh, const void* b_ih, const void* b_hh,
                void* packed) {
    visit_cell<S>(cell, [&]<class C>(C*) {
        S *ih = static_cast<S*>(packed), *hh = ih + Stream<C, S>::panels_ih(I, H);
        panels_of<S, C::gates>(static_cast<const S*>(W_ih), static_cast<const S*>(b_ih), H, I, ih);
        panels_in_order<S, C::gates, C::early>(static_cast<const S*>(W_hh), static_cast<const S*>(b_hh), H, H, hh);
    });
}

template <class S> int64_t stream_workspace_size(Cell cell, const StreamCall& call) {
    return visit_cell<S>(cell, [&]<class C>(C*) { return Stream<C, S>{call}.workspace_size(); });
}

template <class S> void stream(Cell cell, const StreamCall& call) {
    visit_cell<S>(cell, [&]<class C>(C*) { Stream<C, S>{call}.run(); });
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

template <class S> constexpr Kernels kernels_of() {
    return {
        .forward_workspace = forward_workspace<S>,
        .backward_workspace = backward_workspace<S>,
        .forward = forward<S>,
        .backward = backward<S>,
        .packed_layer_size = packed_layer_size<S>,
        .pack_layer = pack_layer<S>,
        .stream_workspace_size = stream_workspace_size<S>,
        .stream = stream<S>,
        .evaluate = evaluate<S>,
    };
}

}  // namespace

constinit const ByDtype<Kernels> kernels = {
#define KERNELS(name, type) kernels_of<type>(),
    FOR_EACH_DTYPE(KERNELS)
#undef KERNELS
};

}  // namespace chainrule::LEVEL
