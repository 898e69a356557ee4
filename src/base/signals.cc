#include "base/signals.h"

#include <csignal>
#include <cstring>

#include "fmt/core.h"

namespace accelerd {
namespace {

void IgnoreUnlessHandled(int number) {
  struct sigaction current{};
  if (sigaction(number, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
    std::signal(number, SIG_IGN);
  }
}

}  // namespace

void IgnoreStraySignals() {
  for (const int number : {SIGPIPE, SIGXFSZ, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT}) {
    IgnoreUnlessHandled(number);
  }
  for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
    IgnoreUnlessHandled(number);
  }
  std::signal(SIGCHLD, SIG_DFL);
}

std::string SignalName(int number) {
  const char* const name = sigabbrev_np(number);
  return name == nullptr ? fmt::format("signal {}", number) : fmt::format("SIG{}", name);
}

}  // namespace accelerd
