// What the Python modules of compiled kernels share; each includes its call.hpp first, which defines Call and Kernels.
#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

namespace chainrule {

namespace nb = nanobind;

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

std::vector<std::string> level_names() {
    std::vector<std::string> names;
    for (const Level& level : levels) names.emplace_back(level.name);
    return names;
}

const Kernels& kernels(int level, bool is_double) {
    return is_double ? levels[size_t(level)].doubles : levels[size_t(level)].singles;
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
