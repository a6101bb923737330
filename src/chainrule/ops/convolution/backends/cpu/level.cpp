// The kernels of one instruction level; CMake compiles this file once for each.
#include <stdexcept>

#include "../../../compiled/dtypes.hpp"
#include "correlate.hpp"
#include "kernel_gradient.hpp"
#include "plane_kernel_gradient.hpp"
#include "stream.hpp"
#include "wide_kernel_gradient.hpp"

namespace chainrule::LEVEL {

extern const ByDtype<Kernels> kernels;  // module.hpp declares the same

namespace {

template <class M> int64_t forward_workspace(const Call& call) {
    int64_t size = 0;
    forward_correlation<M>(call, [&](const auto& part) { size = part.workspace(); });
    return size;
}

template <class M> int64_t input_gradient_workspace(const Call& call) {
    int64_t size = 0;
    input_gradient_correlations<M>(call, [&](const auto& part) { size = std::max(size, part.workspace()); });
    return size;
}

template <class M> int64_t kernel_gradient_workspace(const Call& call) {
    if constexpr (rounds<M>) return WideKernelGradient<M>(call).workspace();
    else if (PlaneKernelGradient<M>::fits(call)) return PlaneKernelGradient<M>(call).workspace();
    else return KernelGradient<M>(call).workspace();
}

template <class M> void forward(const Call& call) {
    forward_correlation<M>(call, [](const auto& part) { part.run(); });
}

template <class M> void input_gradient(const Call& call) {
    input_gradient_correlations<M>(call, [](const auto& part) { part.run(); });
}

template <class M> void kernel_gradient(const Call& call) {
    if constexpr (rounds<M>) WideKernelGradient<M>(call).run();
    else if (PlaneKernelGradient<M>::fits(call)) PlaneKernelGradient<M>(call).run();
    else KernelGradient<M>(call).run();
}

template <class M> void stream(const StreamCall& call) {
    if constexpr (rounds<M>) throw std::invalid_argument("the kernels stream no bfloat16");
    else Stream<M>(call).run();
}

template <class M> constexpr Kernels kernels_of() {
    return {
        .forward_workspace = forward_workspace<M>,
        .input_gradient_workspace = input_gradient_workspace<M>,
        .kernel_gradient_workspace = kernel_gradient_workspace<M>,
        .forward = forward<M>,
        .input_gradient = input_gradient<M>,
        .kernel_gradient = kernel_gradient<M>,
        .stream = stream<M>,
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
