// The Python module _convolution: chooses the level, and passes pointers on. Whoever calls has checked everything.
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "call.hpp"

#include "../../../compiled/module.hpp"

namespace chainrule {
namespace {

Call within(Call call, uintptr_t segments, int64_t count) {
    call.segments = static_cast<const Segment*>(pointer(segments)), call.segment_count = count;
    return call;
}

// What is the same in all steps of a stream, so that a step passes on little.
class Stream {
    const Kernels& kernels_;
    const StreamCall call_;
    const bool is_long_;

public:
    Stream(int level, int dtype, int64_t B, int64_t G, int64_t C, int64_t O, int64_t K, int64_t dilation,
           int64_t padded, int64_t depthwise, int64_t threads, uintptr_t w, uintptr_t bias, uintptr_t ring)
        : kernels_(kernels(level, dtype)),
          call_{.B = B,
                .G = G,
                .C = C,
                .O = O,
                .K = K,
                .dilation = dilation,
                .padded = padded,
                .depthwise = depthwise,
                .threads = threads,
                .w = pointer(w),
                .bias = pointer(bias),
                .ring = pointer(ring)},
          is_long_(B * G * C * O * K >= worth_unlocking) {}

    void run(int64_t at, uintptr_t x, uintptr_t y) const {
        StreamCall call = call_;
        call.at = at, call.x = pointer(x), call.y = pointer(y);
        if (!is_long_) return kernels_.stream(call);
        nb::gil_scoped_release unlocked;
        kernels_.stream(call);
    }
};

}  // namespace
}  // namespace chainrule

NB_MODULE(_convolution, m) {
    using namespace chainrule;

    // A call has sizes alone; where things lie is told each time. Workspaces are in numbers of the dtype.
    using Axes = std::array<std::array<int64_t, 6>, 3>;
    nb::class_<Call> call(m, "Call");
    call.def(
        "__init__",
        [](Call* self, int64_t B, int64_t G, int64_t C, int64_t O, int64_t threads, const Axes& axes,
           std::array<int64_t, 4> x_strides) {
            new (self) Call{
                .B = B,
                .G = G,
                .C = C,
                .O = O,
                .threads = threads,
                .x_row = x_strides[0],
                .x_channel = x_strides[1],
                .x_step = {x_strides[2], x_strides[3]},
            };
            for (int i = 0; i < 3; ++i) {
                const auto& [size, kernel, positions, stride, dilation, before] = axes[size_t(i)];
                self->axes[i] = {
                    .size = size,
                    .kernel = kernel,
                    .positions = positions,
                    .stride = stride,
                    .dilation = dilation,
                    .before = before,
                };
            }
        },
        nb::kw_only(), nb::arg("B"), nb::arg("G"), nb::arg("C"), nb::arg("O"), nb::arg("threads"), nb::arg("axes"),
        nb::arg("x_strides"));

    m.def("levels", level_names);
    m.def("dtypes", names_of_dtypes);
#define WORKSPACE(name) \
    m.def(#name "_workspace", [](int level, int dtype, const Call& call, uintptr_t segments, int64_t count) { \
        return kernels(level, dtype).name##_workspace(within(call, segments, count)); \
    })
    WORKSPACE(forward);
    WORKSPACE(input_gradient);
    WORKSPACE(kernel_gradient);
    const nb::call_guard<nb::gil_scoped_release> unlocked;
    m.def("forward", [](int level, int dtype, const Call& sizes, uintptr_t segments, int64_t count,
                        uintptr_t workspace, uintptr_t x, uintptr_t w, uintptr_t bias, uintptr_t y) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.x = pointer(x), call.w = pointer(w), call.bias = pointer(bias), call.y = pointer(y);
        kernels(level, dtype).forward(call);
    }, unlocked);
    m.def("input_gradient", [](int level, int dtype, const Call& sizes, uintptr_t segments, int64_t count,
                               uintptr_t workspace, uintptr_t dy, uintptr_t w, uintptr_t dx) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.dy = pointer(dy), call.w = pointer(w), call.dx = pointer(dx);
        kernels(level, dtype).input_gradient(call);
    }, unlocked);
    m.def("kernel_gradient", [](int level, int dtype, const Call& sizes, uintptr_t segments, int64_t count,
                                uintptr_t workspace, uintptr_t x, uintptr_t dy, uintptr_t dw, uintptr_t dbias) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.x = pointer(x), call.dy = pointer(dy), call.dw = pointer(dw), call.dbias = pointer(dbias);
        kernels(level, dtype).kernel_gradient(call);
    }, unlocked);

    nb::class_<Stream>(m, "Stream")
        .def(nb::init<int, int, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                      uintptr_t, uintptr_t, uintptr_t>(),
             nb::kw_only(), nb::arg("level"), nb::arg("dtype"), nb::arg("B"), nb::arg("G"), nb::arg("C"),
             nb::arg("O"), nb::arg("K"), nb::arg("dilation"), nb::arg("padded"), nb::arg("depthwise"),
             nb::arg("threads"), nb::arg("w"), nb::arg("bias"), nb::arg("ring"))
        .def("run", &Stream::run);
}
