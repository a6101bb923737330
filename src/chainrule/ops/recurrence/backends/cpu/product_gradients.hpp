// The products that make the gradients of the inputs and weights, once the scan has those of a chunk's gates.
#pragma once

#include "gates_again.hpp"

namespace chainrule::LEVEL {

template <class C, class M> struct ProductGradients : GatesAgain<C, M> {
    using Memory = BackwardMemory<C, M>;
    using S = Number<M>;
    using Memory::call, Memory::B, Memory::I, Memory::H, Memory::H_words, Memory::G, Memory::early, Memory::wide;
    using Memory::d, Memory::x, Memory::h, Memory::s_panels, Memory::W_ih, Memory::summed_x, Memory::summed_h;
    using GatesAgain<C, M>::GatesAgain;

    // dx = W_ih^T dgx
    void inputs_backward(const Chunk<S>& chunk, Share share) const {
        const Rows<S> dgx = summed_x().by_row.from(share.begin);
        multiply<M, 1>(dgx.data, dgx.stride, share.size(), W_ih, I, G * H_words,
                       [&](int64_t r, int64_t u, const Vector<S>* product) {
                           const int64_t n = share.begin + r;
                           S* dx = this->at(call.dx, n % B, chunk.begin + n / B);
                           visit_units<S>(u, I, [&](auto at) { at.put(dx, *product); });
                       });
    }

    // dW_ih += sum of dgx x^T, dW_hh += sum of dgh h_start^T, or s^T, and the biases' sums, for a share of the rows of each gate.
    void weights_backward(const Chunk<S>& chunk, Share share, bool first) const {
        for (int k = 0; k < G; ++k) {
            const int gate = C::dgh_gate(k);
            outer(chunk, share, summed_x().by_column.data + k * H, x, I, k, call.dW_ih, first);
            outer(chunk, share, summed_h().by_column.data + k * H, early && gate >= early ? s_panels : h, H, gate,
                  call.dW_hh, first);
        }
        if (!this->normalises) biases_backward(chunk, share, first);
    }

    void outer(const Chunk<S>& chunk, Share share, const S* columns, const S* panels, int64_t width, int gate, void* to,
               bool first) const {
        if (!to) return;
        S* dW = this->numbers(to) + (gate * H + share.begin) * width;
        multiply<M, 1, Way::down>(columns + share.begin, wide, share.size(), panels, width, this->words_of(chunk),
                                  [&](int64_t r, int64_t u, const Vector<S>* product) {
                                      S* row = dW + r * width;
                                      visit_units<S>(u, width, [&](auto at) {
                                          at.put(row, first ? *product : at.get(row) + *product);
                                      });
                                  });
    }

    // db_ih += sum of dgx, db_hh += sum of dgh: what they share of d is summed once.
    void biases_backward(const Chunk<S>& chunk, Share share, bool first) const {
        for (int slot = 0; slot < C::wide; ++slot) {
            S* to[] = {slot >= C::dgx ? this->numbers(call.db_ih, (slot - C::dgx) * H) : nullptr,
                       slot < G ? this->numbers(call.db_hh, C::dgh_gate(slot) * H) : nullptr};
            if (!to[0]) std::swap(to[0], to[1]);
            if (!to[0]) continue;
            sum(chunk, share, d + slot * H, to[0], first);
            if (to[1]) copy(to[1] + share.begin, to[0] + share.begin, share.size());
        }
    }

    void sum(const Chunk<S>& chunk, Share share, const S* columns, S* to, bool first) const {
        constexpr int side = 4;  // vectors side by side: the more, the more of a cache line's neighbours serve
        for (int64_t j = share.begin; j < share.end; j += side * lanes<S>) {
            Vector<S> sums[side] = {};
            const auto each = [&](auto visit) __attribute__((always_inline)) {
                for (int u = 0; u < side; ++u) {
                    const int64_t at = j + u * lanes<S>, left = share.end - at;
                    if (left > 0) visit(u, at, left < lanes<S> ? int(left) : lanes<S>);
                }
            };
            if (!first) each([&](int u, int64_t at, int n) { sums[u] = load(to + at, n); });
            for (int64_t n = 0; n < chunk.rows; ++n) {
                const S* row = columns + n * wide;
                if (j + side * lanes<S> <= share.end)
                    for (int u = 0; u < side; ++u) sums[u] += load(row + j + u * lanes<S>);
                else each([&](int u, int64_t at, int m) { sums[u] += load(row + at, m); });
            }
            each([&](int u, int64_t at, int n) { store(to + at, sums[u], n); });
        }
    }
};

}  // namespace chainrule::LEVEL
