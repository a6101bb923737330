// The kernels of one instruction level; CMake compiles this file once for each.
#include "../../../compiled/dtypes.hpp"
#include "correlate.hpp"
#include "kernel_gradient.hpp"
#include "plane_kernel_gradient.hpp"
#include "stream.hpp"
#include "wide_kernel_gradient.hpp"

namespace chainrule::LEVEL {

extern const ByDtype<Kernels> kernels;  // module.hpp declares the same

namespace {

template <class S> int64_t forward_workspace(const Call& call) {
    int64_t size = 0;
    forward_correlation<S>(call, [&](const auto& part) { size = part.workspace(); });
    return size;
}

template <class S> int64_t input_gradient_workspace(const Call& call) {
    int64_t size = 0;
    input_gradient_correlations<S>(call, [&](const auto& part) { size = std::max(size, part.workspace()); });
    return size;
}

template <class S> int64_t kernel_gradient_workspace(const Call& call) {
    if constexpr (rounds<S>) return WideKernelGradient<S>(call).workspace();
    else if (PlaneKernelGradient<S>::fits(call)) return PlaneKernelGradient<S>(call).workspace();
    else return KernelGradient<S>(call).workspace();
}

template <class S> void forward(const Call& call) {
    forward_correlation<S>(call, [](const auto& part) { part.run(); });
}

template <class S> void input_gradient(const Call& call) {
    input_gradient_correlations<S>(call, [](const auto& part) { part.run(); });
}

template <class S> void kernel_gradient(const Call& call) {
    if constexpr (rounds<S>) WideKernelGradient<S>(call).run();
    else if (PlaneKernelGradient<S>::fits(call)) PlaneKernelGradient<S>(call).run();
    else KernelGradient<S>(call).run();
}

template <class S> void stream(const StreamCall& call) {
    if constexpr (!rounds<S>) Stream<S>(call).run();
}

template <class S> constexpr Kernels kernels_of() {
    return {
        .forward_workspace = forward_workspace<S>,
        .input_gradient_workspace = input_gradient_workspace<S>,
        .kernel_gradient_workspace = kernel_gradient_workspace<S>,
        .forward = forward<S>,
        .input_gradient = input_gradient<S>,
        .kernel_gradient = kernel_gradient<S>,
        .stream = stream<S>,
    };
}

}  // namespace

constinit const ByDtype<Kernels> kernels = {
#define KERNELS(name, type) kernels_of<type>(),
    FOR_EACH_DTYPE(KERNELS)
#undef KERNELS
};

}  // namespace chainrule::LEVEL
