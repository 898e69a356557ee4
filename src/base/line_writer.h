#ifndef ACCELERD_BASE_LINE_WRITER_H_
#define ACCELERD_BASE_LINE_WRITER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace accelerd {

/// Writes `text` to `descriptor`, and removes from `text` what was written. Waits for up to `bound` each time that
/// nothing can be written. Returns 0 when all was written, else errno; ETIMEDOUT when the wait was in vain.
int WriteText(int descriptor, std::string_view& text, Duration bound);

struct LineWriterOptions {
  std::size_t max_bytes = std::size_t{1} << 20;  ///< Bytes of the lines that wait to be written.
  std::size_t max_lines = 4096;                  ///< Number of lines that wait to be written.
  /// Makes the line, with its '\n', which says that `count` lines were dropped, and why.
  std::function<std::string(std::uint64_t count, std::string_view why)> notice;
};

/// Writes lines to a descriptor from a thread of its own, so that whoever has a line never waits for whoever reads it.
///
/// The lines wait in a queue that is bounded. A line that does not fit is dropped; so is a line that cannot be written,
/// for example because the disk is full. Where lines were dropped a notice with their number is written as soon as that
/// is possible; it takes the place of the lines. The thread blocks all signals. Thread-safe.
///
/// A writer is never destroyed, because its thread may be blocked in the kernel for good: Create leaks it.
class LineWriter {
 public:
  /// `descriptor` stays open. Returns null if the thread cannot be started.
  static LineWriter* Create(int descriptor, LineWriterOptions options);

  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  /// Hands over a line that ends with '\n'. Never waits for the descriptor.
  void Write(std::string line);

  /// Waits until every line has been written, but gives up when `bound` is over. Returns whether all were written.
  bool Flush(Duration bound);

  /// Lines that were handed over and not written yet. Safe in a signal's handler.
  std::size_t pending() const { return pending_.load(std::memory_order_acquire); }

 private:
  /// A line that waits, or a notice.
  struct Entry {
    std::string text;
    std::uint64_t lines = 1;  ///< Lines that are lost if it cannot be written; those that a notice reports.
  };

  LineWriter(int descriptor, LineWriterOptions options);

  void Run();
  bool WriteFirst(std::unique_lock<std::mutex>& lock);
  void Append(Entry entry);
  void AppendNotice();
  void Drop(std::uint64_t lines, std::string_view why);

  const int descriptor_;
  const LineWriterOptions options_;
  std::atomic<std::size_t> pending_ = 0;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable written_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;      ///< Bytes of the entries and of the one that is being written.
  std::uint64_t dropped_ = 0;  ///< Lines, since the last notice.
  std::string why_;            ///< The reason for the last of them.
};

}  // namespace accelerd

#endif  // ACCELERD_BASE_LINE_WRITER_H_
