#include "image/decode_memory.h"

#include <utility>

namespace accelerd {
namespace {

constexpr std::size_t kSmallPart = 16;  // A sixteenth of the limit.

}  // namespace

absl::Status DecodeStop::Check() const {
  if (left.stop_requested()) {
    return absl::CancelledError("the caller left");
  }
  if (deadline != Time::max() && Clock::Steady().Now() > deadline) {
    return absl::DeadlineExceededError("the request's time was over before its image was decoded");
  }
  return absl::OkStatus();
}

struct DecodeMemory::Reservation {
  explicit Reservation(std::shared_ptr<DecodeMemory> from) : memory(std::move(from)) {}
  ~Reservation() { memory->GiveBack(bytes); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  std::shared_ptr<DecodeMemory> memory;
  std::size_t bytes = 0;  ///< 0 until they are granted.
};

absl::StatusOr<std::shared_ptr<const void>> DecodeMemory::Reserve(std::size_t bytes, const DecodeStop& stop) {
  if (bytes <= limit_ / kSmallPart) {
    return nullptr;
  }
  // Allocated before the bytes are taken: what throws cannot lose them.
  const auto reservation = std::make_shared<Reservation>(shared_from_this());
  std::unique_lock lock(mutex_);
  const auto place = waiting_.insert(waiting_.end(), 0);
  const auto is_next = [&] { return place == waiting_.begin() && used_ + bytes <= limit_; };
  // A deadline without end would overflow in the conversion to the condition variable's clock.
  const bool granted = stop.deadline == Time::max() ? changed_.wait(lock, stop.left, is_next)
                                                    : changed_.wait_until(lock, stop.left, stop.deadline, is_next);
  waiting_.erase(place);
  if (granted) {
    used_ += bytes;
    reservation->bytes = bytes;
  }
  lock.unlock();
  changed_.notify_all();  // The next one in the line may be served now.
  if (granted) {
    return reservation;
  }
  return stop.left.stop_requested()
             ? absl::CancelledError("the caller left")
             : absl::DeadlineExceededError("the request's time was over before there was memory for its image");
}

void DecodeMemory::GiveBack(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
  }
  changed_.notify_all();
}

}  // namespace accelerd
