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
template <class M, class Visit> auto visit_either(Cell cell, bool with_options, Visit visit) {
    return visit_cell<Number<M>>(cell, [&]<class C>(C* plain) {
        return with_options ? visit(static_cast<Optioned<C>*>(nullptr)) : visit(plain);
    });
}

// How much memory a pass lays out: from null, its arena counts.
template <class M> int64_t forward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_either<M>(cell, call.optioned, [&]<class C>(C*) { return Forward<C, M>(counted).arena.used; });
}

template <class M> int64_t backward_workspace(Cell cell, const Call& call) {
    Call counted = call;
    counted.workspace = nullptr;
    return visit_either<M>(cell, call.optioned, [&]<class C>(C*) { return Backward<C, M>(counted).arena.used; });
}

template <class M> void forward(Cell cell, const Call& call) {
    visit_either<M>(cell, call.optioned, [&]<class C>(C*) { Forward<C, M>(call).run(); });
}

template <class M> void backward(Cell cell, const Call& call) {
    visit_either<M>(cell, call.optioned, [&]<class C>(C*) { Backward<C, M>(call).run(); });
}

template <class M> int64_t packed_layer_size(Cell cell, int64_t I, int64_t H) {
    return visit_cell<Number<M>>(cell, [&]<class C>(C*) { return Stream<C, M>::packed_layer_size(I, H); });
}

template <class M>
void pack_layer(Cell cell, int64_t I, int64_t H, const void* W_ih, const void* W_hh, const void* b_ih, const void* b_hh,
                void* packed) {
    visit_cell<Number<M>>(cell, [&]<class C>(C*) {
        using S = Number<M>;
        S *ih = static_cast<S*>(packed), *hh = ih + Stream<C, M>::panels_ih(I, H);
        panels_of<M, C::gates>(static_cast<const S*>(W_ih), static_cast<const S*>(b_ih), H, I, ih);
        panels_in_order<M, C::gates, C::early>(static_cast<const S*>(W_hh), static_cast<const S*>(b_hh), H, H, hh);
    });
}

template <class M> int64_t stream_workspace_size(Cell cell, const StreamCall& call) {
    return visit_cell<Number<M>>(cell, [&]<class C>(C*) { return Stream<C, M>{call}.workspace_size(); });
}

template <class M> void stream(Cell cell, const StreamCall& call) {
    visit_cell<Number<M>>(cell, [&]<class C>(C*) { Stream<C, M>{call}.run(); });
}

template <class M> void evaluate(bool is_sigmoid, int64_t count, const void* from, void* to) {
    using S = Number<M>;
    const S* x = static_cast<const S*>(from);
    S* y = static_cast<S*>(to);
    for (int64_t i = 0; i < count; i += lanes<S>) {
        const int n = count - i < lanes<S> ? int(count - i) : lanes<S>;
        const Vector<S> v = load(x + i, n);
        store(y + i, is_sigmoid ? sigmoid<S>(v) : tanh<S>(v), n);
    }
}

template <class M> constexpr Kernels kernels_of() {
    return {
        .forward_workspace = forward_workspace<M>,
        .backward_workspace = backward_workspace<M>,
        .forward = forward<M>,
        .backward = backward<M>,
        .packed_layer_size = packed_layer_size<M>,
        .pack_layer = pack_layer<M>,
        .stream_workspace_size = stream_workspace_size<M>,
        .stream = stream<M>,
        .evaluate = evaluate<M>,
    };
}

// The level for bfloat16 has nothing for other dtypes that the one below it has not.
template <class M> constexpr Kernels kernels_at_this_level() {
#if defined(__AVX512BF16__)
    if constexpr (!rounds<M>) return {};
    else return kernels_of<M>();
#else
    return kernels_of<M>();
#endif
}

}  // namespace

constinit const ByDtype<Kernels> kernels = {
#define KERNELS(name, type) kernels_at_this_level<type>(),
    FOR_EACH_DTYPE(KERNELS)
#undef KERNELS
};

}  // namespace chainrule::LEVEL
