#ifndef ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
#define ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace accelerd {

/// Bounds the bytes that all users hold together, and shares them among the clients by ClientShare. A client that is
/// refused marks the oldest reservation of the client that holds most, so that its owner can give it back early.
/// Thread-safe. Held by a shared_ptr; reservations keep it alive.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  using Id = std::uint64_t;

  /// Bytes of a budget, given back on destruction. Movable.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept : budget_(std::move(other.budget_)), id_(other.id_) {}
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

    /// Gives the bytes back.
    void Release();

   private:
    friend class ByteBudget;
    Reservation(std::shared_ptr<ByteBudget> budget, Id id) : budget_(std::move(budget)), id_(id) {}

    std::shared_ptr<ByteBudget> budget_;
    Id id_ = 0;
  };

  explicit ByteBudget(std::size_t limit) : limit_(limit) {}

  /// Reserves bytes for `client`. Returns nullopt if there is no room, or if the client would be over its share. While
  /// nobody holds anything, one client may have all of the budget. `wanted` becomes true when another client needs the
  /// bytes; it may be null.
  std::optional<Reservation> TryReserve(const std::string& client, std::size_t bytes,
                                        std::shared_ptr<std::atomic<bool>> wanted = nullptr);

  std::size_t limit() const { return limit_; }
  std::size_t used() const;

 private:
  using Clients = std::map<std::string, std::size_t>;

  struct Entry {
    Clients::iterator client;
    std::size_t bytes = 0;
    std::shared_ptr<std::atomic<bool>> wanted;
  };

  void GiveBack(Id id);
  void AskForRoom(std::size_t held);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  Id last_id_ = 0;
  std::size_t used_ = 0;
  Clients clients_;              ///< The bytes of each client that holds any.
  std::map<Id, Entry> entries_;  ///< In the order in which they were reserved.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BYTE_BUDGET_H_
