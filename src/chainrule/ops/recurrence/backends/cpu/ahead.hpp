// What the backward scan reads next, asked for while a row is computed.
#pragma once

#include "backward_memory.hpp"

namespace chainrule::LEVEL {

// The row after row b of b0 <= b < b0 + rows, in the order of the scan. It lies in memory, not in the caches, and rows are too
// short for the processor to see by itself where it is going.
template <class C, class M> class Ahead {
    using S = Number<M>;
    static constexpr int most = C::gates * (optioned<C> ? 3 : 1) + 3 + C::has_q + C::has_c;
    const S* rows_[most];
    int count_ = 0;

    void add(const S* row) { rows_[count_++] = row; }

public:
    Ahead(const BackwardMemory<C, M>& of, const Chunk<S>& chunk, int64_t t, int64_t b, int64_t b0, int64_t rows) {
        const Call& call = of.call;
        const bool is_last = b + 1 == b0 + rows;
        if (is_last) t += call.reverse ? 1 : -1;
        b = is_last ? b0 : b + 1;
        if (call.B == 1 || of.recomputes || t < 0 || t >= call.T) return;
        const int64_t n = (t - chunk.begin) * call.B + b, kept = (t * call.B + b) * call.H;
        const S* gates = chunk.of.gates + n * of.G * call.H;
        for (int gate = 0; gate < of.G; ++gate) {
            add(gates + gate * call.H);
            if constexpr (!optioned<C>) continue;
            const int64_t at = (n * of.G + gate) * call.H;
            add(of.normalises ? chunk.of.v_x + at : gates);
            add(of.normalises ? chunk.of.v_h + at : gates);
        }
        add(of.numbers(call.h_start, kept));
        add(of.at(call.dy, b, t));
        add(of.at(call.x, b, t));
        if constexpr (C::has_q) add(of.numbers(chunk.of.q, n * call.H));
        if constexpr (C::has_c) add(of.numbers(call.c_start, kept));
    }

    // The units from j on.
    [[gnu::always_inline]] void ask(int64_t j) const {
        if (count_ == 0) return;
#pragma GCC unroll 20
        for (int i = 0; i < most; ++i) __builtin_prefetch(rows_[i] + j);
    }
};

}  // namespace chainrule::LEVEL
