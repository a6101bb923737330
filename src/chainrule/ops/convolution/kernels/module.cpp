// The Python module _convolution: chooses the level, and passes pointers on. Whoever calls has checked everything.
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "call.hpp"

#include "../../compiled/module.hpp"

namespace chainrule {
namespace {

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

    nb::class_<Call> call(m, "Call");
    call.def("__init__", [](Call* self) { new (self) Call{}; });
    call.def("set_axis", [](Call& call, int i, std::array<int64_t, 6> a) {
        call.axes[i] = {a[0], a[1], a[2], a[3], a[4], a[5]};
    });
    call.def("set_x", [](Call& call, uintptr_t x, std::array<int64_t, 4> strides) {
        call.x = pointer(x);
        call.x_row = strides[0], call.x_channel = strides[1], call.x_step[0] = strides[2], call.x_step[1] = strides[3];
    });
    call.def("set_segments", [](Call& call, uintptr_t segments, int64_t count) {
        call.segments = static_cast<const Segment*>(pointer(segments));
        call.segment_count = count;
    });
#define SIZE(name) call.def_rw(#name, &Call::name)
    SIZE(B), SIZE(G), SIZE(C), SIZE(O), SIZE(threads);
#define POINTER(name) add_pointer<&Call::name>(call, #name)
    POINTER(w), POINTER(bias), POINTER(dy), POINTER(y), POINTER(dx), POINTER(dw), POINTER(dbias), POINTER(workspace);

    m.def("levels", level_names);
#define PASS(name) \
    m.def(#name "_workspace", [](int level, bool is_double, const Call& call) { \
        return kernels(level, is_double).name##_workspace(call); \
    }); \
    m.def(#name, [](int level, bool is_double, const Call& call) { kernels(level, is_double).name(call); }, \
          nb::call_guard<nb::gil_scoped_release>())
    PASS(forward);
    PASS(input_gradient);
    PASS(kernel_gradient);

    nb::class_<Stream>(m, "Stream")
        .def(nb::init<int, bool, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                      uintptr_t, uintptr_t, uintptr_t>())
        .def("run", &Stream::run);
}
