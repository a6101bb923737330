// The Python module _scan: chooses the level, and passes pointers on. Whoever calls has checked everything.
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "call.hpp"

#include "../../../compiled/module.hpp"
#include "../../../compiled/tensors.hpp"

namespace chainrule {
namespace {

// A member that is strided, as (address, row, step).
template <auto member> void add_strided(nb::class_<Call>& type, const char* name) {
    type.def_prop_rw(
        name,
        [](const Call& call) {
            const Strided& of = call.*member;
            return std::tuple(reinterpret_cast<uintptr_t>(of.data), of.row, of.step);
        },
        [](Call& call, std::tuple<uintptr_t, int64_t, int64_t> of) {
            call.*member = {.data = pointer(std::get<0>(of)), .row = std::get<1>(of), .step = std::get<2>(of)};
        });
}

std::optional<TensorReader> reader;  // there is torch to ask once the module is imported

// The part of a forward call that its tensors tell, x being (B, T, I), or (T, B, I) with time_first; returns the number of
// their dtype, or -1 where one is not as the kernels read it, or does not go with the others. The weights are those of
// cells/spec.py.
int describe(Call& call, int64_t gates, bool time_first, nb::handle x, nb::handle h_0, nb::handle c_0, nb::handle resets,
             nb::handle W_ih, nb::handle W_hh, nb::handle b_ih, nb::handle b_hh, nb::handle W_hr, nb::handle g_ih,
             nb::handle g_hh, nb::handle g_c, nb::handle b_c, nb::handle p) {
    nb::dlpack::dltensor of_x, of_W;
    if (!W_hr.is_none() || !reader->read(x, of_x) || of_x.ndim != 3) return -1;
    if (of_x.strides[2] != 1 && of_x.shape[2] != 1) return -1;
    if (!reader->read(W_ih, of_W) || of_W.ndim != 2 || of_W.shape[0] % gates) return -1;
    const int rows = time_first, steps = !time_first;
    call.B = of_x.shape[rows], call.T = of_x.shape[steps], call.I = of_x.shape[2], call.H = of_W.shape[0] / gates;
    call.x = {of_x.data, of_x.strides[rows], of_x.strides[steps]};
    const int64_t G = of_W.shape[0], H = call.H;
    const auto is_as_read = [&]<size_t rank>(nb::handle tensor, const int64_t (&shape)[rank], const void*& data) {
        return reader->read_dense(tensor, of_x.dtype, shape, data);
    };
    if (!is_as_read(W_ih, {G, call.I}, call.W_ih) || !is_as_read(W_hh, {G, H}, call.W_hh)) return -1;
    if (!is_as_read(b_ih, {G}, call.b_ih) || !is_as_read(b_hh, {G}, call.b_hh) || !call.b_ih != !call.b_hh) return -1;
    if (!is_as_read(h_0, {call.B, H}, call.h_0) || !is_as_read(c_0, {call.B, H}, call.c_0)) return -1;

    const void* boundaries;
    const nb::dlpack::dtype boolean{.code = uint8_t(nb::dlpack::dtype_code::Bool), .bits = 8, .lanes = 1};
    if (!reader->read_dense(resets, boolean, {call.B, call.T}, boundaries)) return -1;
    call.resets = static_cast<const bool*>(boundaries);

    const bool is_lstm = gates == 4;
    if (!is_as_read(g_ih, {G}, call.g_ih) || !is_as_read(g_hh, {G}, call.g_hh) || !call.g_ih != !call.g_hh) return -1;
    if (!is_as_read(g_c, {H}, call.g_c) || !is_as_read(b_c, {H}, call.b_c) || !is_as_read(p, {3 * H}, call.p)) return -1;
    const bool normalises_c = is_lstm && call.g_hh;
    if (!call.g_c == normalises_c || !call.b_c == normalises_c || (call.p && !is_lstm)) return -1;
    call.optioned = call.g_hh || call.p;
    return of_x.dtype.bits == 32 ? 0 : of_x.dtype.bits == 64 ? 1 : -1;  // as dtypes.hpp lists them
}

// What is the same in all calls of a stream, so that a call passes on little.
class Stream {
    const Kernels& kernels_;
    const Cell cell_;
    StreamCall call_;
    const int64_t work_;  // of one step, at least

public:
    Stream(int level, int dtype, int64_t cell, int64_t B, int64_t I, int64_t H, int64_t layers, uintptr_t W,
           uintptr_t h, uintptr_t c, uintptr_t workspace)
        : kernels_(kernels(level, dtype)), cell_(Cell(cell)),
          call_{.B = B,
                .I = I,
                .H = H,
                .layers = layers,
                .W = pointer(W),
                .h = pointer(h),
                .c = pointer(c),
                .workspace = pointer(workspace)},
          work_(B * H * (I + H) * layers) {}

    void run(int64_t T, int64_t row, int64_t step, uintptr_t x, uintptr_t y) const {
        StreamCall call = call_;
        call.T = T, call.row = row, call.step = step;
        call.x = pointer(x), call.y = pointer(y);
        if (T * work_ < worth_unlocking) return kernels_.stream(cell_, call);
        nb::gil_scoped_release unlocked;
        kernels_.stream(cell_, call);
    }
};

}  // namespace
}  // namespace chainrule

NB_MODULE(_scan, m) {
    using namespace chainrule;
    const nb::call_guard<nb::gil_scoped_release> unlocked;

    nb::class_<Call> call(m, "Call");
    call.def("__init__", [](Call* self) { new (self) Call{}; });
#define SIZE(name) call.def_rw(#name, &Call::name)
    SIZE(B), SIZE(T), SIZE(I), SIZE(H), SIZE(reverse), SIZE(threads), SIZE(optioned), SIZE(rate_h), SIZE(rate_c);
#define STRIDED(name) add_strided<&Call::name>(call, #name)
    STRIDED(x), STRIDED(y), STRIDED(dy), STRIDED(dx);
#define POINTER(name) add_pointer<&Call::name>(call, #name)
    POINTER(resets), POINTER(lengths), POINTER(W_ih), POINTER(W_hh), POINTER(b_ih), POINTER(b_hh), POINTER(workspace);
    POINTER(gates), POINTER(q), POINTER(h_start), POINTER(c_start);
    POINTER(h_0), POINTER(c_0), POINTER(h_n), POINTER(c_n);
    POINTER(dh_n), POINTER(dc_n), POINTER(dh_0), POINTER(dc_0);
    POINTER(g_ih), POINTER(g_hh), POINTER(g_c), POINTER(b_c), POINTER(p), POINTER(keep_h), POINTER(keep_c);
    POINTER(v_x), POINTER(v_h), POINTER(inverse_x), POINTER(inverse_h);
    POINTER(dg_ih), POINTER(dg_hh), POINTER(dg_c), POINTER(db_c), POINTER(dp), POINTER(dh), POINTER(dc), POINTER(da);
    POINTER(dW_ih), POINTER(dW_hh), POINTER(db_ih), POINTER(db_hh);

    reader.emplace();
#define GIVEN nb::arg()
#define OPTIONAL nb::arg().none()
    call.def("describe", describe, GIVEN, GIVEN, GIVEN, OPTIONAL, OPTIONAL, OPTIONAL, GIVEN, GIVEN, OPTIONAL, OPTIONAL,
             OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL, OPTIONAL);

    m.def("levels", level_names);
    m.def("dtypes", names_of_dtypes);
    m.def("forward_workspace", [](int level, int dtype, int64_t cell, const Call& call) {
        return kernels(level, dtype).forward_workspace(Cell(cell), call);
    });
    m.def("backward_workspace", [](int level, int dtype, int64_t cell, const Call& call) {
        return kernels(level, dtype).backward_workspace(Cell(cell), call);
    });
    m.def("forward", [](int level, int dtype, int64_t cell, const Call& call) {
        kernels(level, dtype).forward(Cell(cell), call);
    }, unlocked);
    m.def("backward", [](int level, int dtype, int64_t cell, const Call& call) {
        kernels(level, dtype).backward(Cell(cell), call);
    }, unlocked);
    m.def("packed_layer_size", [](int level, int dtype, int64_t cell, int64_t I, int64_t H) {
        return kernels(level, dtype).packed_layer_size(Cell(cell), I, H);
    });
    m.def("pack_layer", [](int level, int dtype, int64_t cell, int64_t I, int64_t H, uintptr_t W_ih, uintptr_t W_hh,
                           uintptr_t b_ih, uintptr_t b_hh, uintptr_t packed) {
        kernels(level, dtype).pack_layer(Cell(cell), I, H, pointer(W_ih), pointer(W_hh), pointer(b_ih),
                                             pointer(b_hh), pointer(packed));
    }, unlocked);
    m.def("stream_workspace_size", [](int level, int dtype, int64_t cell, int64_t B, int64_t I, int64_t H) {
        const StreamCall call{.B = B, .I = I, .H = H};
        return kernels(level, dtype).stream_workspace_size(Cell(cell), call);
    });
    nb::class_<Stream>(m, "Stream")
        .def(nb::init<int, int, int64_t, int64_t, int64_t, int64_t, int64_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t>())
        .def("run", &Stream::run);
    m.def("address", [](nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu> array) {
        return reinterpret_cast<uintptr_t>(array.data());
    });
    m.def("evaluate", [](int level, int dtype, bool sigmoid, int64_t n, uintptr_t x, uintptr_t y) {
        kernels(level, dtype).evaluate(sigmoid, n, pointer(x), pointer(y));
    }, unlocked);
}
