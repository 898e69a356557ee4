#ifndef ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
#define ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace accelerd {

/// Bounds the bytes that all users hold together. Who finds no room waits in order of arrival: a large reservation is
/// not starved by small ones. Thread-safe. Held by a shared_ptr; reservations keep it alive.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  /// Bytes of a budget, given back on destruction. Movable.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept
        : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

    std::size_t bytes() const { return bytes_; }
    /// Takes over `other`, of the same budget.
    void Merge(Reservation other);
    /// Gives the bytes back.
    void Release();

   private:
    friend class ByteBudget;
    Reservation(std::shared_ptr<ByteBudget> budget, std::size_t bytes) : budget_(std::move(budget)), bytes_(bytes) {}

    std::shared_ptr<ByteBudget> budget_;
    std::size_t bytes_ = 0;
  };

  using Grant = absl::AnyInvocable<void(Reservation) &&>;
  using Ticket = std::uint64_t;

  explicit ByteBudget(std::size_t limit) : limit_(limit) {}

  /// nullopt when there is no room, or when others wait for it.
  std::optional<Reservation> TryReserve(std::size_t bytes);

  /// Calls `grant` when there is room: on this thread at once, or on the one that gives bytes back; it must not block.
  Ticket Reserve(std::size_t bytes, Grant grant);

  /// Forgets a waiting reservation. Without effect on one that was granted.
  void Cancel(Ticket ticket);

  std::size_t limit() const { return limit_; }
  std::size_t used() const;

 private:
  struct Waiting {
    Ticket ticket = 0;
    std::size_t bytes = 0;
    Grant grant;
  };

  bool FitsLocked(std::size_t bytes) const { return bytes <= limit_ - used_; }
  void GiveBack(std::size_t bytes);
  void GrantWaiting();

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
  Ticket last_ticket_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
