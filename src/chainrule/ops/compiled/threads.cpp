#include "threads.hpp"

#if defined(_WIN32)
#include <thread>
#include <vector>
#else
#include <dlfcn.h>
#include <pthread.h>
#endif

namespace chainrule {

#if defined(_WIN32)

// The OpenMP library there has no entry that is known without its header: threads are started for each call.
void on_torch_threads(int threads, void (*task)(void*), void* argument) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(task, argument);
    task(argument);
    for (std::thread& other : others) other.join();
}

#else

namespace {

// Every OpenMP library, GNU's, LLVM's and Intel's, has this entry.
using Parallel = void (*)(void (*task)(void*), void* argument, unsigned threads, unsigned flags);

std::atomic<bool> forked{false};

// The threads of a pool don't survive a fork: in the child they would be waited for without end.
const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });

}  // namespace

void on_torch_threads(int threads, void (*task)(void*), void* argument) {
    static const auto parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
    if (threads == 1 || forked || registered != 0 || !parallel) return task(argument);
    parallel(task, argument, unsigned(threads), 0);
}

#endif

}  // namespace chainrule
