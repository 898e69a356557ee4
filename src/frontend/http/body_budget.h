#ifndef ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_
#define ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace accelerd {

/// Bounds the bytes that all request bodies hold together, and shares them among the clients.
///
/// A body announces the most that it can become (its claim) and grows in steps, so that it holds little more than what
/// has arrived of it. A step is granted when four conditions hold:
///
/// 1. There is room for it.
/// 2. Afterwards all unfinished bodies could still become whole one after the other, each with the room that the bodies
///    before it give back (the banker's algorithm, Dijkstra, EWD 108). Two halves never wait for each other's room.
/// 3. The client stays within its share (ClientShare). A body counts with its whole claim from the step on that makes
///    it large, and as a small body from its first step on. A client has a share of either kind.
/// 4. Large bodies leave a sixteenth of the budget to small ones, as far as the largest body allows. A body is small
///    while it holds no more than 1/256 of the budget.
///
/// Steps that have to wait are granted to the client that holds least first, then in order of arrival. A body that has
/// begun may pass others, because its end makes room. While a client waits for longer, MakeRoom takes the room of an
/// unfinished body from the client that holds most.
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

    /// Declares that the body is whole and grows no more.
    void Finish();
    /// Gives the bytes back.
    void Close();

   private:
    friend class BodyBudget;
    Account(std::shared_ptr<BodyBudget> budget, Id id) : budget_(std::move(budget)), id_(id) {}

    std::shared_ptr<BodyBudget> budget_;
    Id id_ = 0;
  };

  using Callback = absl::AnyInvocable<void() &&>;

  /// `largest` is the largest claim that is ever made. REQUIRES: largest <= limit.
  BodyBudget(std::size_t limit, std::size_t largest);

  /// Opens an account that holds nothing yet, for a body of `client` with at most `claim` bytes. MakeRoom calls `evict`
  /// when others need its room; the account should then be closed soon. `evict` must not block or use the budget.
  /// REQUIRES: `claim` is within `largest`.
  Account Open(const std::string& client, std::size_t claim, Callback evict);

  /// Lets the account hold `bytes` more. Returns true if it does at once. Returns false if it has to wait: `granted` is
  /// called when it does, on the thread that makes the room, and must not block. REQUIRES: the account does not wait
  /// already, and stays within its claim.
  bool Grow(const Account& account, std::size_t bytes, Callback granted);

  /// Forgets a Grow that waits. Has no effect on one that was granted.
  void CancelGrow(const Account& account);

  /// Asks for room for an account that waits: evicts the unfinished body that has not grown for longest, of the client
  /// that holds most in unfinished bodies, if that is more than the waiting client would hold. Returns false if there
  /// is no such body. REQUIRES: the account waits.
  bool MakeRoom(const Account& account);

  std::size_t limit() const { return limit_; }
  std::size_t used() const;

 private:
  struct ClientBytes {
    std::size_t held = 0;
    std::size_t unfinished = 0;    ///< The part of `held` whose bodies may be evicted.
    std::size_t small_claims = 0;  ///< Claims of begun bodies that are small.
    std::size_t large_claims = 0;  ///< Claims of bodies that are large.
    std::size_t bodies = 0;
  };
  using Clients = std::map<std::string, ClientBytes>;

  enum class Size { kNone, kSmall, kLarge };  ///< Which share the body counts against.

  struct Body {
    Clients::iterator client;
    std::size_t claim = 0;
    Size size = Size::kNone;
    std::size_t held = 0;
    std::size_t need = 0;  ///< What it may ask for yet.
    std::size_t step = 0;  ///< What it waits for; 0: it does not wait.
    std::uint64_t grown_at = 0;
    bool evictable = true;  ///< Unfinished, and not evicted yet.
    Callback granted;
    Callback evict;
  };

  /// Whether a step is granted, or what stands against it.
  enum class Verdict { kGranted, kClientShare, kRoom };

  void Finish(Id id);
  void Close(Id id);
  void GrantWaiting();
  /// Takes the callbacks of all steps that can be granted now out of `waiting_`.
  std::vector<std::pair<Id, Callback>> TakeGrantable();

  Verdict Judge(const Body& body, std::size_t bytes) const;
  bool WithinShare(const Body& body, Size size) const;
  bool AllCanEnd(const Body& body, std::size_t bytes, std::size_t limit) const;
  Size SizeAfter(const Body& body, std::size_t bytes) const;
  void GrowNow(Id id, Body& body, std::size_t bytes);
  void SetNeed(Id id, Body& body, std::size_t need);
  void SetSize(Body& body, Size size);
  void EndEvictable(Body& body);
  std::size_t SmallClaim(const Body& body) const;

  const std::size_t limit_;
  const std::size_t large_limit_;  ///< The part of the limit that large bodies can use.
  const std::size_t small_;        ///< The most that a small body holds.
  mutable std::mutex mutex_;
  Id last_id_ = 0;
  std::uint64_t growths_ = 0;
  std::size_t used_ = 0;
  std::size_t used_unfinished_ = 0;  ///< Bytes used by the bodies in `needs_`.
  std::size_t large_bodies_ = 0;
  Clients clients_;                                    ///< Those with bodies.
  std::map<Id, Body> bodies_;                          ///< Those that are open.
  std::map<std::pair<std::size_t, Id>, Body*> needs_;  ///< Those that may still grow, the smallest need first.
  std::deque<Id> waiting_;                             ///< In order of arrival.
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_BODY_BUDGET_H_
