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
    int64_t B = 0, G = 0, C = 0, O = 0, threads = 1;
    Axis axes[3] = {};                   // the last one is that whose numbers lie side by side
    const Segment* segments = nullptr;  // in the order of their rows, or null: each row is one
    int64_t segment_count = 0;
    const void* x = nullptr;
    int64_t x_row = 0, x_channel = 0, x_step[2] = {};
    const void *w = nullptr, *bias = nullptr, *dy = nullptr;  // bias (G, O) may be null
    void *y = nullptr, *dx = nullptr, *dw = nullptr, *dbias = nullptr;  // dbias may be null
    void* workspace = nullptr;
};

// One step of B rows of a causal convolution. Its last dilation (K - 1) inputs and x lie in a ring of slots, (B, G, C)
// each; x goes to number `at`, and the oldest input is in the next one. Weights and biases are laid out for vectors:
// w (G, K, C, padded), bias (G, padded), the outputs of a group followed by zeros up to whole vectors. If `depthwise`,
// which C = O = 1 allows, they are w (K, padded) and bias (padded,), of all groups.
struct StreamCall {
    int64_t B = 0, G = 0, C = 0, O = 0, K = 0, dilation = 1, padded = 0, depthwise = 0, threads = 1;
    const void *w = nullptr, *bias = nullptr;  // bias may be null
    void* ring = nullptr;
    int64_t at = 0;
    const void* x = nullptr;
    void* y = nullptr;
};

// The code of one instruction level for one dtype. Sizes are in numbers of that dtype.
struct Kernels {
    int64_t (*forward_workspace)(const Call&);
    int64_t (*input_gradient_workspace)(const Call&);
    int64_t (*kernel_gradient_workspace)(const Call&);
    void (*forward)(const Call&);
    void (*input_gradient)(const Call&);
    void (*kernel_gradient)(const Call&);
    void (*stream)(const StreamCall&);
};

}  // namespace chainrule
