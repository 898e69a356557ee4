#ifndef ACCELERD_IMAGE_DECODE_MEMORY_H_
#define ACCELERD_IMAGE_DECODE_MEMORY_H_

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>

#include "base/clock.h"
#include "base/status.h"

namespace accelerd {

/// When a decoder should give up: nobody waits for its image any more.
struct DecodeStop {
  std::stop_token left = {};    ///< The caller has left.
  Time deadline = Time::max();  ///< The result is worthless from then on.

  /// Returns kCancelled or kDeadlineExceeded if the decoder should give up. Costs tens of nanoseconds.
  absl::Status Check() const;
};

/// Bounds the memory of all images that are decoded at the same time. Thread-safe. Held by a shared_ptr; reservations
/// keep it alive.
///
/// An image that needs at most a sixteenth of the limit is not counted and never waits, so that it is not held up by
/// large ones. The memory in use can therefore exceed the limit by a sixteenth of it for each thread that decodes.
class DecodeMemory : public std::enable_shared_from_this<DecodeMemory> {
 public:
  explicit DecodeMemory(std::size_t limit) : limit_(limit) {}

  std::size_t limit() const { return limit_; }

  /// Reserves `bytes` until the result is destroyed; the result is null if `bytes` are too few to count. If other
  /// images use the memory now, the call blocks, first come, first served, until they are done or `stop` says to give
  /// up. REQUIRES: bytes <= limit().
  absl::StatusOr<std::shared_ptr<const void>> Reserve(std::size_t bytes, const DecodeStop& stop);

 private:
  struct Reservation;
  void GiveBack(std::size_t bytes);

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t used_ = 0;
  std::list<int> waiting_;  ///< One entry for each waiting thread, in order of arrival.
};

}  // namespace accelerd

#endif  // ACCELERD_IMAGE_DECODE_MEMORY_H_
