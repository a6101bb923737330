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
    Stream(int level, bool is_double, int64_t B, int64_t G, int64_t C, int64_t O, int64_t K, int64_t dilation,
           int64_t padded, int64_t depthwise, int64_t threads, uintptr_t w, uintptr_t bias, uintptr_t ring)
        : kernels_(kernels(level, is_double)),
          call_{B, G, C, O, K, dilation, padded, depthwise, threads, pointer(w), pointer(bias), pointer(ring), 0,
                nullptr, nullptr},
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
    call.def("__init__", [](Call* self, int64_t B, int64_t G, int64_t C, int64_t O, int64_t threads, const Axes& axes,
                            std::array<int64_t, 4> x) {
        new (self) Call{B, G, C, O, threads, {}, nullptr, 0, nullptr, x[0], x[1], {x[2], x[3]},
                        nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
        for (int i = 0; i < 3; ++i) {
            const auto& a = axes[size_t(i)];
            self->axes[i] = {a[0], a[1], a[2], a[3], a[4], a[5]};
        }
    });

    m.def("levels", level_names);
#define WORKSPACE(name) \
    m.def(#name "_workspace", [](int level, bool is_double, const Call& call, uintptr_t segments, int64_t count) { \
        return kernels(level, is_double).name##_workspace(within(call, segments, count)); \
    })
    WORKSPACE(forward);
    WORKSPACE(input_gradient);
    WORKSPACE(kernel_gradient);
    const nb::call_guard<nb::gil_scoped_release> unlocked;
    m.def("forward", [](int level, bool is_double, const Call& sizes, uintptr_t segments, int64_t count,
                        uintptr_t workspace, uintptr_t x, uintptr_t w, uintptr_t bias, uintptr_t y) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.x = pointer(x), call.w = pointer(w), call.bias = pointer(bias), call.y = pointer(y);
        kernels(level, is_double).forward(call);
    }, unlocked);
    m.def("input_gradient", [](int level, bool is_double, const Call& sizes, uintptr_t segments, int64_t count,
                               uintptr_t workspace, uintptr_t dy, uintptr_t w, uintptr_t dx) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.dy = pointer(dy), call.w = pointer(w), call.dx = pointer(dx);
        kernels(level, is_double).input_gradient(call);
    }, unlocked);
    m.def("kernel_gradient", [](int level, bool is_double, const Call& sizes, uintptr_t segments, int64_t count,
                                uintptr_t workspace, uintptr_t x, uintptr_t dy, uintptr_t dw, uintptr_t dbias) {
        Call call = within(sizes, segments, count);
        call.workspace = pointer(workspace);
        call.x = pointer(x), call.dy = pointer(dy), call.dw = pointer(dw), call.dbias = pointer(dbias);
        kernels(level, is_double).kernel_gradient(call);
    }, unlocked);

    nb::class_<Stream>(m, "Stream")
        .def(nb::init<int, bool, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                      uintptr_t, uintptr_t, uintptr_t>())
        .def("run", &Stream::run);
}
