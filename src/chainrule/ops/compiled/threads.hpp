// The threads of the OpenMP library that torch has loaded: a second pool would compete with the first for the cores.
#pragma once

#include <atomic>

namespace chainrule {

// Call task(argument) on up to `threads` threads at once, and return when all are done.
void on_torch_threads(int threads, void (*task)(void*), void* argument);

// Call work(0) ... work(count - 1), each once, on up to `count` threads.
template <class Work> void in_parallel(int count, const Work& work) {
    struct Share {
        const Work& work;
        const int count;
        std::atomic<int> next{0};
    } share{work, count};
    const auto take = [](void* argument) {
        Share& share = *static_cast<Share*>(argument);
        for (int i; (i = share.next.fetch_add(1)) < share.count;) share.work(i);
    };
    on_torch_threads(count, take, &share);
}

}  // namespace chainrule
