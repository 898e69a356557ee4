#ifndef ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
#define ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace accelerd {

/// Bounds the bytes that all users hold together. Thread-safe. Held by a shared_ptr; reservations keep it alive.
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

    /// Gives the bytes back.
    void Release();

   private:
    friend class ByteBudget;
    Reservation(std::shared_ptr<ByteBudget> budget, std::size_t bytes) : budget_(std::move(budget)), bytes_(bytes) {}

    std::shared_ptr<ByteBudget> budget_;
    std::size_t bytes_ = 0;
  };

  explicit ByteBudget(std::size_t limit) : limit_(limit) {}

  /// nullopt when there is no room.
  std::optional<Reservation> TryReserve(std::size_t bytes);

  std::size_t limit() const { return limit_; }
  std::size_t used() const;

 private:
  void GiveBack(std::size_t bytes);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::size_t used_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
