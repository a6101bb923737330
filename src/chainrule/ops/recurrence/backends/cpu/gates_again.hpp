// The gates of all steps of a chunk, computed anew where the forward pass kept but the states.
#pragma once

#include "backward_memory.hpp"

namespace chainrule::LEVEL {

template <class C, class M> struct GatesAgain : BackwardMemory<C, M> {
    using Memory = BackwardMemory<C, M>;
    using S = Number<M>;
    using Memory::call, Memory::B, Memory::H, Memory::H_words, Memory::G, Memory::products;
    using Memory::inputs, Memory::reset, Memory::h_again, Memory::W_forward;
    using Memory::Memory;

    // As the state before each step was kept, the gates of all steps are computed anew at once; of rows b of the batch.
    void gates_again(const Chunk<S>& chunk, int64_t thread, Share b) const {
        inputs(chunk, thread, b);
        if (b.size() == B) return gates_again(chunk, Share(0, chunk.rows));
        for (int64_t n = 0; n < chunk.rows; n += B) gates_again(chunk, Share(n + b.begin, n + b.end));
    }

    void gates_again(const Chunk<S>& chunk, Share share) const {
        if (B == 1) gates_again<Way::alone>(chunk, share);
        else gates_again<Way::plain>(chunk, share);
    }

    template <Way way> void gates_again(const Chunk<S>& chunk, Share share) const {
        const int64_t first = chunk.begin * B + share.begin;
        const S *h_start = this->numbers(call.h_start, first * H), *c_start = this->numbers(call.c_start, first * H);
        const auto row = [&](int64_t r) {
            const int64_t n = share.begin + r;
            return Row<S>{chunk.of.gates + n * G * H, this->numbers(chunk.of.q, n * H), true};
        };
        const Rows<S> h{this->numbers(h_start), H}, s{reset + share.begin * H, H};
        const Rows<S> f = rounds<M> ? h_again.from(share.begin) : h;
        if constexpr (rounds<M>)
            for (int64_t r = 0; r < share.size(); ++r) copy_factors<M>(f[r], h[r], H);
        if constexpr (optioned<C>) {
            const OptionedRow<C, M> options(call);
            S *v = chunk.of.v_h + share.begin * G * H, *inverse = chunk.of.inverse_h + share.begin * products;
            options.template hidden<way>(W_forward, h, f, share.size(), s, row, v, inverse);
            for (int64_t r = 0; r < share.size(); ++r)
                options.forward(0, 0, row(r), v + r * G * H, inverse + r * products, h_start + r * H,
                                this->numbers(c_start, r * H), nullptr, nullptr, nullptr);
        } else {
            const auto use = [&](int64_t r, int64_t u, const Vector<S>* gh) {
                visit_units<S>(u, H, [&](auto at) {
                    State<S> state{at.get(h_start + r * H), {}};
                    if constexpr (C::has_c) state.c = at.get(c_start + r * H);
                    C::step(at, gh, state, row(r));
                });
            };
            this->template hidden<way>(W_forward, h, f, share.size(), s, row, use);
        }
    }
};

}  // namespace chainrule::LEVEL
