// What Python hands over: sizes and pointers that it has checked. The same for every level and dtype.
#pragma once

#include <cstdint>

namespace chainrule {

enum class Cell : int64_t { rnn_tanh, rnn_relu, gru, lstm, gru_reset_before };

// A tensor (B, T, width): the numbers of row b, step t lie side by side from b * row + t * step.
struct Strided {
    void* data = nullptr;
    int64_t row = 0, step = 0;
};

// B rows, T steps, I inputs, H hidden units, G = gates * H. Dense but for the strided ones; no buffers overlap.
struct Call {
    int64_t B, T, I, H;
    int64_t reverse, threads;
    const bool* resets;      // (B, T); may be null
    const int64_t* lengths;  // (B,); may be null
    const void *W_ih, *W_hh, *b_ih, *b_hh;  // (G, I), (G, H), (G,), (G,); the biases may be null
    void* workspace;

    // The options (options.hpp); null or 0 where they are not used, all of them where `optioned` is 0.
    int64_t optioned;
    const void *g_ih, *g_hh, *g_c, *b_c;  // (G,), (G,), (H,), (H,): gains and offset of what is normalised
    const void* p;                        // (3H,), the peepholes
    const bool *keep_h, *keep_c;          // (B, T, H), the units that keep their value
    double rate_h, rate_c;                // or the part to which all do

    // What the forward pass leaves for the backward pass; null where it is not kept. Time is outermost, (T, B, width).
    void* gates;    // G wide, the values of the gates
    void* q;        // H, of the GRU; kept where the gates are
    void* h_start;  // H, the state that each step started from
    void* c_start;  // H, of the LSTM
    void *v_x, *v_h;              // G, W_ih x and W_hh h normalised; kept where the gates are
    void *inverse_x, *inverse_h;  // 1 / s of each: one, but of W_hh's two products two

    // Forward
    Strided x, y;
    const void* h_0;  // (B, H), null for zeros
    const void* c_0;  // of the LSTM; likewise
    void* h_n;        // (B, H)
    void* c_n;        // (B, H), of the LSTM

    // Backward, and x, W_ih and W_hh above; b_ih and b_hh too where the gates were not kept
    Strided dy;
    const void* dh_n;  // (B, H), null for zeros
    const void* dc_n;  // of the LSTM; likewise
    Strided dx;        // this and what follows: null where nobody asks for it
    void *dW_ih, *dW_hh, *db_ih, *db_hh;
    void *dg_ih, *dg_hh, *dg_c, *db_c, *dp;  // of the options
    void *dh, *dc, *da;              // H, H, G, of all steps: gradients of the states, and of what enters the gates
    void* dh_0;  // (B, H)
    void* dc_0;  // (B, H), of the LSTM

    [[gnu::always_inline]] bool live(int64_t b, int64_t t) const { return !lengths || t < lengths[b]; }

    // Whether row b's state is zeroed before step t, as a boundary lies between it and the step before it.
    [[gnu::always_inline]] bool fresh(int64_t b, int64_t t) const {
        const int64_t edge = reverse ? t + 1 : t;
        return resets && edge < T && resets[b * T + edge] && live(b, edge);
    }
};

// T steps of B rows through a stack of layers of H units, the first with I inputs. x has I numbers and y has H at
// b * row + t * step.
struct StreamCall {
    int64_t B = 0, I = 0, H = 0, layers = 0;
    const void* W = nullptr;           // packed, the layers one after the other
    void *h = nullptr, *c = nullptr;  // (layers, B, H), before and after; c of the LSTM
    void* workspace = nullptr;

    int64_t T = 0, row = 0, step = 0;
    const void* x = nullptr;
    void* y = nullptr;
};

// The code of one instruction level for one dtype. Sizes are in numbers of that dtype.
struct Kernels {
    int64_t (*forward_workspace)(Cell, const Call&);  // how much; pointers but for null or not don't matter
    int64_t (*backward_workspace)(Cell, const Call&);
    void (*forward)(Cell, const Call&);
    void (*backward)(Cell, const Call&);
    int64_t (*packed_layer_size)(Cell, int64_t I, int64_t H);
    void (*pack_layer)(Cell, int64_t I, int64_t H, const void* W_ih, const void* W_hh, const void* b_ih,
                       const void* b_hh, void* packed);  // the biases may be null
    int64_t (*stream_workspace_size)(Cell, const StreamCall&);  // of its sizes alone
    void (*stream)(Cell, const StreamCall&);
    void (*evaluate)(bool sigmoid, int64_t n, const void* x, void* y);  // sigmoid or tanh of each number
};

}  // namespace chainrule
