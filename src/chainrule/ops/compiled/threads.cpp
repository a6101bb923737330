#include "threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

namespace chainrule {
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

}  // namespace chainrule
