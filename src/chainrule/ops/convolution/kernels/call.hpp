// What Python hands over: sizes and pointers that it has checked. The same for every level and dtype.
#pragma once

#include <cstdint>

namespace chainrule {

// One of the three spatial dimensions; those that a convolution does not have are of size 1 with a kernel of 1.
struct Axis {
    int64_t size, kernel, positions;    // H, K, J
    int64_t stride, dilation, before;   // s, d, zeros before x: output j reads x at s j + d i - before
};

// A stretch of a row that no other reaches into, of the last axis: outputs begin to end - 1, which read nothing of x
// before floor.
struct Segment {
    int64_t b, begin, end, floor;
};

// B rows, G groups, in each C input and O output channels. w and the gradients are dense, (G, O, C, *K); so are y, dy
// and dx, (B, G, O or C, *J or *H). Number h of x in the last axis is h after its first.
struct Call {
    int64_t B, G, C, O, threads;
    Axis axes[3];  // the last one is that whose numbers lie side by side
    const Segment* segments;  // in the order of their rows, or null: each row is one
    int64_t segment_count;
    const void* x;
    int64_t x_row, x_channel, x_step[2];
    const void *w, *bias, *dy;  // bias (G, O) may be null
    void *y, *dx, *dw, *dbias;  // dbias may be null
    void* workspace;
};

// The code of one instruction level for one dtype. Sizes are in numbers of that dtype.
struct Kernels {
    int64_t (*forward_workspace)(const Call&);
    int64_t (*input_gradient_workspace)(const Call&);
    int64_t (*kernel_gradient_workspace)(const Call&);
    void (*forward)(const Call&);
    void (*input_gradient)(const Call&);
    void (*kernel_gradient)(const Call&);
};

}  // namespace chainrule
