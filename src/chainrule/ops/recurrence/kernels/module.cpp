// The Python module _scan: chooses the level, and passes pointers on. Whoever calls has checked everything.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "call.hpp"

namespace nb = nanobind;

namespace chainrule {

#define DECLARE(level) \
    namespace level { extern const Kernels singles, doubles; }

#if defined(__x86_64__)
DECLARE(x86_64)
DECLARE(x86_64_v3)
DECLARE(x86_64_v4)
#else
DECLARE(plain)
#endif

namespace {

struct Level {
    const char* name;
    const Kernels &singles, &doubles;
};

// What this machine can run, the best first.
std::vector<Level> available() {
    std::vector<Level> levels;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl");
    if (v4) levels.push_back({"x86-64-v4", x86_64_v4::singles, x86_64_v4::doubles});
    if (v3) levels.push_back({"x86-64-v3", x86_64_v3::singles, x86_64_v3::doubles});
    levels.push_back({"x86-64", x86_64::singles, x86_64::doubles});
#else
    levels.push_back({"plain", plain::singles, plain::doubles});
#endif
    return levels;
}

const std::vector<Level> levels = available();

const Kernels& kernels(int level, bool is_double) {
    return is_double ? levels[size_t(level)].doubles : levels[size_t(level)].singles;
}

void* pointer(uintptr_t address) { return reinterpret_cast<void*>(address); }

}  // namespace
}  // namespace chainrule

NB_MODULE(_scan, m) {
    using namespace chainrule;
    using namespace nb::literals;
    using Pointer = uintptr_t;
    const nb::call_guard<nb::gil_scoped_release> unlocked;

    m.def("levels", [] {
        std::vector<std::string> names;
        for (const Level& level : levels) names.emplace_back(level.name);
        return names;
    });
    m.def("packed_size", [](int level, bool is_double, int64_t cell, int64_t H) {
        return kernels(level, is_double).packed_size(Cell(cell), H);
    });
    m.def("workspace_size", [](int level, bool is_double, int64_t cell, int64_t H, int64_t B, int64_t threads) {
        return kernels(level, is_double).workspace_size(Cell(cell), H, B, threads);
    });
    m.def("pack", [](int level, bool is_double, int64_t cell, int64_t H, Pointer W, Pointer bias, Pointer packed) {
        kernels(level, is_double).pack(Cell(cell), H, pointer(W), pointer(bias), pointer(packed));
    }, unlocked);
    m.def("pack_backward", [](int level, bool is_double, int64_t cell, int64_t H, Pointer W, Pointer packed) {
        kernels(level, is_double).pack_backward(Cell(cell), H, pointer(W), pointer(packed));
    }, unlocked);
    m.def("forward", [](int level, bool is_double, int64_t cell, int64_t B, int64_t T, int64_t H, int64_t row,
                        int64_t step, bool reverse, int64_t threads, Pointer resets, Pointer lengths, Pointer W,
                        Pointer workspace, Pointer gates, Pointer q, Pointer h_start, Pointer c_start, Pointer h_0,
                        Pointer c_0, Pointer y, Pointer h_n, Pointer c_n) {
        Call call{B, T, H, row, step, reverse, threads};
        call.resets = static_cast<const bool*>(pointer(resets));
        call.lengths = static_cast<const int64_t*>(pointer(lengths));
        call.W = pointer(W);
        call.workspace = pointer(workspace);
        call.gates = pointer(gates);
        call.q = pointer(q);
        call.h_start = pointer(h_start);
        call.c_start = pointer(c_start);
        call.h_0 = pointer(h_0);
        call.c_0 = pointer(c_0);
        call.y = pointer(y);
        call.h_n = pointer(h_n);
        call.c_n = pointer(c_n);
        kernels(level, is_double).forward(Cell(cell), call);
    }, unlocked);
    m.def("backward", [](int level, bool is_double, int64_t cell, int64_t B, int64_t T, int64_t H, int64_t row,
                         int64_t step, bool reverse, int64_t threads, Pointer resets, Pointer lengths, Pointer W,
                         Pointer workspace, Pointer gates, Pointer q, Pointer h_start, Pointer c_start, Pointer dy,
                         Pointer dh_n, Pointer dc_n, Pointer dgx, Pointer dgh, Pointer dh_0, Pointer dc_0) {
        Call call{B, T, H, row, step, reverse, threads};
        call.resets = static_cast<const bool*>(pointer(resets));
        call.lengths = static_cast<const int64_t*>(pointer(lengths));
        call.W = pointer(W);
        call.workspace = pointer(workspace);
        call.gates = pointer(gates);
        call.q = pointer(q);
        call.h_start = pointer(h_start);
        call.c_start = pointer(c_start);
        call.dy = pointer(dy);
        call.dh_n = pointer(dh_n);
        call.dc_n = pointer(dc_n);
        call.dgx = pointer(dgx);
        call.dgh = pointer(dgh);
        call.dh_0 = pointer(dh_0);
        call.dc_0 = pointer(dc_0);
        kernels(level, is_double).backward(Cell(cell), call);
    }, unlocked);
    m.def("evaluate", [](int level, bool is_double, bool sigmoid, int64_t n, Pointer x, Pointer y) {
        kernels(level, is_double).evaluate(sigmoid, n, pointer(x), pointer(y));
    }, unlocked);
}
