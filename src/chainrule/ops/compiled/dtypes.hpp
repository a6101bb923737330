// What the kernels are compiled for. One more is one more entry of this list.
#pragma once

#include <array>
#include <cstddef>

namespace chainrule {

// Numbers of float32 whose products are made of factors rounded to bfloat16 (factors.hpp).
struct Bfloat16 {};

// entry(name, type): the name is torch's; the place in the list is the index that Python passes.
#define FOR_EACH_DTYPE(entry) \
    entry(float32, float)     \
    entry(float64, double)    \
    entry(bfloat16, Bfloat16)

inline constexpr const char* dtype_names[] = {
#define NAME(name, type) #name,
    FOR_EACH_DTYPE(NAME)
#undef NAME
};

inline constexpr size_t dtype_count = sizeof(dtype_names) / sizeof(*dtype_names);

// Something for each dtype, in the order of the list.
template <class Entry> using ByDtype = std::array<Entry, dtype_count>;

}  // namespace chainrule
