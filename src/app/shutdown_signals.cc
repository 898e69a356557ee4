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
#include <utility>

#include "base/log.h"
#include "base/signals.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

sigset_t WatchedSet() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGQUIT, SIGXCPU, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&set, number);
  }
  return set;
}

}  // namespace

ShutdownSignals::ShutdownSignals() {
  const sigset_t set = WatchedSet();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  IgnoreStraySignals();
  signals_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  notified_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals_.valid() || !notified_.valid()) {
    std::perror("accelerd: signalfd or eventfd");
    std::abort();
  }
}

bool ShutdownSignals::EndsService(int number) {
  switch (number) {
    case SIGHUP:
      LogInfo("serve",
              "SIGHUP is ignored: the configuration is read at the start only; restart the service to change it");
      return false;
    case SIGUSR1:
    case SIGUSR2:
      LogInfo("serve", fmt::format("{} is ignored", SignalName(number)));
      return false;
    case SIGXCPU:
      return !std::exchange(out_of_time_, true);
    default:
      return true;
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
      const auto number = static_cast<int>(information.ssi_signo);
      if (EndsService(number)) {
        signal_ = number;
        return Event::kSignal;
      }
      continue;
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
