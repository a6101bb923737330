// The Python module _convolution: chooses the level, and passes pointers on. Whoever calls has checked everything.
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "call.hpp"

#include "../../compiled/module.hpp"

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
}
