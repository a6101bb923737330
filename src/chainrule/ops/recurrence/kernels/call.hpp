// What Python hands over: sizes and pointers that it has checked. The same for every level and dtype.
#pragma once

#include <cstdint>

namespace chainrule {

enum class Cell : int64_t { rnn_tanh, rnn_relu, gru, lstm };

// B rows, T steps, H hidden units, G = gates * H. A buffer of all steps holds row b, step t at at(b, t), times its own
// width, given in brackets: the batch may lie outside of time or inside. No buffers overlap.
struct Call {
    int64_t B, T, H, row, step;
    int64_t reverse, threads;
    const bool* resets;      // (B, T); may be null
    const int64_t* lengths;  // (B,); may be null
    const void* W;           // W_hh and b_hh, packed for this direction
    void* workspace;

    // What the forward pass leaves for the backward pass. Null, but for gates, where nothing is kept.
    void* gates;    // [G] gx on the way in; the gates on the way out
    void* q;        // [H] of the GRU
    void* h_start;  // [H] the state that each step started from
    void* c_start;  // [H] of the LSTM

    // Forward
    const void* h_0;  // (B, H)
    const void* c_0;  // (B, H), of the LSTM
    void* y;          // [H]
    void* h_n;        // (B, H)
    void* c_n;        // (B, H), of the LSTM

    // Backward
    const void* dy;    // [H]
    const void* dh_n;  // (B, H)
    const void* dc_n;  // (B, H), of the LSTM
    void* dgx;         // [G]
    void* dgh;         // [G] of the GRU; of the others it equals dgx
    void* dh_0;        // (B, H)
    void* dc_0;        // (B, H), of the LSTM

    [[gnu::always_inline]] int64_t at(int64_t b, int64_t t) const { return b * row + t * step; }

    [[gnu::always_inline]] bool live(int64_t b, int64_t t) const { return !lengths || t < lengths[b]; }

    // Whether row b's state is zeroed before step t, as a boundary lies between it and the step before it.
    [[gnu::always_inline]] bool fresh(int64_t b, int64_t t) const {
        const int64_t edge = reverse ? t + 1 : t;
        return resets && edge < T && resets[b * T + edge] && live(b, edge);
    }
};

// The code of one instruction level for one dtype. Sizes are in numbers of that dtype.
struct Kernels {
    int64_t (*packed_size)(Cell, int64_t H);  // of one direction, large enough for either
    int64_t (*workspace_size)(Cell, int64_t H, int64_t B, int64_t threads);
    void (*pack)(Cell, int64_t H, const void* W, const void* bias, void* packed);  // bias may be null
    void (*pack_backward)(Cell, int64_t H, const void* W, void* packed);
    void (*forward)(Cell, const Call&);
    void (*backward)(Cell, const Call&);
    void (*evaluate)(bool sigmoid, int64_t n, const void* x, void* y);  // sigmoid or tanh of each number
};

}  // namespace chainrule
