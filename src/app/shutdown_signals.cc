#include "app/shutdown_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace accelerd {
namespace {

sigset_t ShutdownSet() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

ShutdownSignals::ShutdownSignals() {
  const sigset_t set = ShutdownSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  notified_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals_.valid() || !notified_.valid()) {
    std::perror("accelerd: signalfd or eventfd");
    std::abort();
  }
}

ShutdownSignals::Event ShutdownSignals::Wait(std::optional<std::chrono::milliseconds> timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout.value_or(std::chrono::milliseconds(0));
  for (;;) {
    std::array<pollfd, 2> events = {{{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = notified_.get(), .events = POLLIN, .revents = 0}}};
    int wait = -1;
    if (timeout) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
      wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
    }
    const int ready = poll(events.data(), events.size(), wait);
    if (ready < 0 && errno != EINTR) {
      std::perror("accelerd: poll");
      std::abort();
    }
    signalfd_siginfo information;
    if (read(signals_.get(), &information, sizeof(information)) == sizeof(information)) {
      signal_ = static_cast<int>(information.ssi_signo);
      return Event::kSignal;
    }
    std::uint64_t count = 0;
    if (read(notified_.get(), &count, sizeof(count)) == sizeof(count)) {
      return Event::kNotified;
    }
    if (ready == 0) {
      return Event::kTimeout;
    }
  }
}

void ShutdownSignals::Notify() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(notified_.get(), &one, sizeof(one));
}

}  // namespace accelerd
