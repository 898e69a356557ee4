#include "base/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

namespace accelerd {
namespace {

/// How long the thread waits before it looks again whether the lines that wait can be written.
constexpr std::chrono::seconds kPatience{1};

/// Waits until `descriptor` can be written, for at most `bound`. False when it cannot.
bool WaitWritable(int descriptor, Duration bound) {
  pollfd writable{.fd = descriptor, .events = POLLOUT, .revents = 0};
  const Time end = Clock::Steady().Now() + bound;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::Steady().Now()).count();
    const int ready = poll(&writable, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (ready >= 0 || errno != EINTR) {
      return ready > 0;
    }
  }
}

}  // namespace

int WriteText(int descriptor, std::string_view& text, Duration bound) {
  while (!text.empty()) {
    // A pipe that poll(2) finds writable takes PIPE_BUF bytes at once; of more bytes it might keep us waiting.
    if (!WaitWritable(descriptor, bound)) {
      return ETIMEDOUT;
    }
    const ssize_t count = write(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
      return errno;
    }
    text.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
  }
  return 0;
}

LineWriter::LineWriter(int descriptor, LineWriterOptions options)
    : descriptor_(descriptor), options_(std::move(options)) {}

LineWriter* LineWriter::Create(int descriptor, LineWriterOptions options) {
  auto* const writer = new LineWriter(descriptor, std::move(options));
  // The thread inherits the mask. A blocked SIGTTOU also lets a service in the background write to its terminal.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread([writer] { writer->Run(); }).detach();
  } catch (const std::system_error&) {
    started = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started ? writer : nullptr;
}

void LineWriter::Write(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= options_.max_lines || bytes_ + line.size() > options_.max_bytes) {
      Drop(1, "they were not read in time");
      return;
    }
    if (dropped_ > 0) {
      AppendNotice();
    }
    Append({.text = std::move(line)});
  }
  arrived_.notify_one();
}

bool LineWriter::Flush(Duration bound) {
  std::unique_lock lock(mutex_);
  return written_.wait_for(lock, bound, [this] { return pending() == 0; });
}

void LineWriter::Append(Entry entry) {
  bytes_ += entry.text.size();
  entries_.push_back(std::move(entry));
  pending_.fetch_add(1, std::memory_order_release);
}

void LineWriter::AppendNotice() {
  const std::uint64_t lines = std::exchange(dropped_, 0);
  Append({.text = options_.notice(lines, why_), .lines = lines});
}

void LineWriter::Drop(std::uint64_t lines, std::string_view why) {
  dropped_ += lines;
  why_ = why;
}

void LineWriter::Run() {
  prctl(PR_SET_NAME, "log");
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return !entries_.empty(); });
    // What could not be written now is not tried again before there is another line.
    if (WriteFirst(lock) && entries_.empty() && dropped_ > 0) {
      AppendNotice();
    }
    written_.notify_all();
  }
}

bool LineWriter::WriteFirst(std::unique_lock<std::mutex>& lock) {
  const Entry entry = std::move(entries_.front());
  entries_.pop_front();
  lock.unlock();
  int error = 0;
  for (std::string_view rest = entry.text; (error = WriteText(descriptor_, rest, kPatience)) == ETIMEDOUT;) {
  }
  lock.lock();
  bytes_ -= entry.text.size();
  pending_.fetch_sub(1, std::memory_order_release);
  if (error != 0) {
    Drop(entry.lines, std::generic_category().message(error));
  }
  return error == 0;
}

}  // namespace accelerd
