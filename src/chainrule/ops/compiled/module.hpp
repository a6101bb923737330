// What the Python modules of compiled kernels share; each includes its call.hpp first, which defines Call and Kernels.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "dtypes.hpp"

namespace chainrule {

namespace nb = nanobind;

#define DECLARE(level) \
    namespace level { extern const ByDtype<Kernels> kernels; }

#if defined(__x86_64__)
DECLARE(x86_64)
DECLARE(x86_64_v3)
DECLARE(x86_64_v4)
DECLARE(x86_64_v4_bf16)  // the code for bfloat16 alone
#else
DECLARE(plain)
#endif

namespace {

struct Level {
    const char* name;
    ByDtype<Kernels> kernels;
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
    if (v4 && __builtin_cpu_supports("avx512bf16")) {
        Level level{.name = "x86-64-v4+avx512_bf16", .kernels = x86_64_v4::kernels};
        level.kernels.back() = x86_64_v4_bf16::kernels.back();
        levels.push_back(level);
    }
    if (v4) levels.push_back({.name = "x86-64-v4", .kernels = x86_64_v4::kernels});
    if (v3) levels.push_back({.name = "x86-64-v3", .kernels = x86_64_v3::kernels});
    levels.push_back({.name = "x86-64", .kernels = x86_64::kernels});
#else
    levels.push_back({.name = "plain", .kernels = plain::kernels});
#endif
    return levels;
}

const std::vector<Level> levels = available();

std::vector<std::string> level_names() {
    std::vector<std::string> names;
    for (const Level& level : levels) names.emplace_back(level.name);
    return names;
}

std::vector<std::string> names_of_dtypes() { return {std::begin(dtype_names), std::end(dtype_names)}; }

// The code for a dtype at a level, both by their place in what levels() and dtypes() return.
const Kernels& kernels(int level, int dtype) {
    if (level < 0 || size_t(level) >= levels.size())
        throw nb::value_error(("unknown instruction level " + std::to_string(level)).c_str());
    if (dtype < 0 || size_t(dtype) >= dtype_count)
        throw nb::value_error(("the kernels are not compiled for dtype " + std::to_string(dtype)).c_str());
    return levels[size_t(level)].kernels[size_t(dtype)];
}

constexpr int64_t worth_unlocking = 1'000'000;  // multiplications and additions: letting go of the lock can cost 5 ms

inline void* pointer(uintptr_t address) { return reinterpret_cast<void*>(address); }

// A member of Call that holds a pointer, as an integer.
template <auto member> void add_pointer(nb::class_<Call>& type, const char* name) {
    type.def_prop_rw(
        name, [](const Call& call) { return reinterpret_cast<uintptr_t>(call.*member); },
        [](Call& call, uintptr_t address) {
            using Pointer = std::remove_reference_t<decltype(call.*member)>;
            call.*member = static_cast<Pointer>(pointer(address));
        });
}

}  // namespace
}  // namespace chainrule
