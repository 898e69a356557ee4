#ifndef ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_
#define ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace accelerd {

/// Bounds the bytes that all request bodies hold together, while each holds no more than a few steps beyond what has
/// arrived of it: who announces much and sends nothing takes no room from others.
///
/// A step is granted when there is room for it, and when afterwards all bodies could still become whole one after the
/// other, each with the room that those before it give back (the banker's algorithm, Dijkstra, EWD 108): no two halves
/// wait for each other's room for ever. Who has to wait is served in order of arrival, but for two rules: a body that
/// does not fit yet is passed over by others that have begun, since their end makes its room, and by none that is new.
///
/// Thread-safe. Held by a shared_ptr; accounts keep it alive.
class BodyBudget : public std::enable_shared_from_this<BodyBudget> {
 public:
  using Id = std::uint64_t;

  /// The bytes of one body, given back on destruction. Movable.
  class Account {
   public:
    Account() = default;
    Account(Account&& other) noexcept : budget_(std::move(other.budget_)), id_(other.id_) {}
    Account& operator=(Account&& other) noexcept;
    ~Account() { Close(); }

    /// The body is whole, and grows no more.
    void Finish();
    /// Gives the bytes back.
    void Close();

   private:
    friend class BodyBudget;
    Account(std::shared_ptr<BodyBudget> budget, Id id) : budget_(std::move(budget)), id_(id) {}

    std::shared_ptr<BodyBudget> budget_;
    Id id_ = 0;
  };

  using Grant = absl::AnyInvocable<void() &&>;

  explicit BodyBudget(std::size_t limit) : limit_(limit) {}

  /// An account that holds nothing yet, for a body of at most `claim` bytes. REQUIRES: `claim` is within the limit.
  Account Open(std::size_t claim);

  /// Lets the account hold `bytes` more. true: it does. false: `granted` is called when it does, on the thread that
  /// makes the room; it must not block. REQUIRES: the account does not wait already, and stays within its claim.
  bool Grow(const Account& account, std::size_t bytes, Grant granted);

  /// Forgets a Grow that waits. Without effect on one that was granted.
  void CancelGrow(const Account& account);

  std::size_t limit() const { return limit_; }
  std::size_t used() const;

 private:
  struct Body {
    std::size_t held = 0;
    std::size_t need = 0;  ///< What it may ask for yet.
    std::size_t step = 0;  ///< What it waits for; 0: it does not.
    Grant granted;
  };

  void Finish(Id id);
  void Close(Id id);
  void GrantWaiting();

  bool MayGrow(const Body& body, std::size_t bytes) const;
  void GrowNow(Id id, Body& body, std::size_t bytes);
  void SetNeed(Id id, Body& body, std::size_t need);

  const std::size_t limit_;
  mutable std::mutex mutex_;
  Id last_id_ = 0;
  std::size_t used_ = 0;
  std::size_t used_unfinished_ = 0;                    ///< Of those in `needs_`.
  std::map<Id, Body> bodies_;                          ///< That are open.
  std::map<std::pair<std::size_t, Id>, Body*> needs_;  ///< Those that may still grow, the smallest need first.
  std::deque<Id> waiting_;                             ///< In order of arrival.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_
