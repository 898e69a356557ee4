#include "frontend/http/body_budget.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "frontend/http/client_share.h"

namespace accelerd {
namespace {

constexpr std::size_t kSmallBodies = 256;  // A body of one part in so many of the budget is small.
constexpr std::size_t kReserve = 16;       // One part in so many is left to small bodies.

}  // namespace

BodyBudget::Account& BodyBudget::Account::operator=(Account&& other) noexcept {
  if (this != &other) {
    Close();
    budget_ = std::move(other.budget_);
    id_ = other.id_;
  }
  return *this;
}

void BodyBudget::Account::Finish() {
  if (budget_ != nullptr) {
    budget_->Finish(id_);
  }
}

void BodyBudget::Account::Close() {
  if (const auto budget = std::move(budget_)) {
    budget->Close(id_);
  }
}

BodyBudget::BodyBudget(std::size_t limit, std::size_t largest)
    : limit_(limit),
      large_limit_(limit - std::min(limit / kReserve, limit - std::min(limit, largest))),
      small_(limit / kSmallBodies) {}

BodyBudget::Account BodyBudget::Open(const std::string& client, std::size_t claim, Callback evict) {
  const std::lock_guard lock(mutex_);
  const Id id = ++last_id_;
  Body& body = bodies_[id];
  body.client = clients_.try_emplace(client).first;
  body.client->second.bodies++;
  body.claim = claim;
  body.evict = std::move(evict);
  SetNeed(id, body, claim);
  return Account(shared_from_this(), id);
}

bool BodyBudget::Grow(const Account& account, std::size_t bytes, Callback granted) {
  std::vector<std::pair<Id, Callback>> others;
  bool at_once = false;
  {
    const std::lock_guard lock(mutex_);
    Body& body = bodies_.at(account.id_);
    if (waiting_.empty() && Judge(body, bytes) == Verdict::kGranted) {
      GrowNow(account.id_, body, bytes);
      return true;
    }
    body.step = bytes;
    body.granted = std::move(granted);
    waiting_.push_back(account.id_);
    others = TakeGrantable();
    at_once = std::erase_if(others, [&](const auto& grant) { return grant.first == account.id_; }) > 0;
  }
  for (auto& [id, grant] : others) {
    std::move(grant)();
  }
  return at_once;
}

void BodyBudget::CancelGrow(const Account& account) {
  Callback cancelled;  // Destroyed outside the lock: it may hold accounts.
  {
    const std::lock_guard lock(mutex_);
    if (std::erase(waiting_, account.id_) == 0) {
      return;
    }
    Body& body = bodies_.at(account.id_);
    body.step = 0;
    cancelled = std::move(body.granted);
  }
  // It may have stood in the way of others.
  GrantWaiting();
}

bool BodyBudget::MakeRoom(const Account& account) {
  Callback evict;
  {
    const std::lock_guard lock(mutex_);
    const Body& waiting = bodies_.at(account.id_);
    const auto most = std::max_element(clients_.begin(), clients_.end(), [](const auto& one, const auto& other) {
      return one.second.unfinished < other.second.unfinished;
    });
    if (most == waiting.client || most->second.unfinished <= waiting.client->second.held + waiting.step) {
      return false;
    }
    Body* victim = nullptr;
    for (auto& [id, body] : bodies_) {
      if (body.client == most && body.evictable && body.held > 0 &&
          (victim == nullptr || body.grown_at < victim->grown_at)) {
        victim = &body;
      }
    }
    if (victim == nullptr) {
      return false;
    }
    EndEvictable(*victim);
    evict = std::move(victim->evict);
  }
  if (evict) {
    std::move(evict)();
  }
  return true;
}

std::size_t BodyBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void BodyBudget::Finish(Id id) {
  Callback evict;
  {
    const std::lock_guard lock(mutex_);
    Body& body = bodies_.at(id);
    SetNeed(id, body, 0);
    EndEvictable(body);
    evict = std::move(body.evict);
    // What was claimed beyond what arrived is free for other bodies of the client.
    const Size size = body.size;
    SetSize(body, Size::kNone);
    body.claim = body.held;
    SetSize(body, size);
  }
  GrantWaiting();
}

void BodyBudget::Close(Id id) {
  Callback cancelled;
  Callback evict;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bodies_.find(id);
    Body& body = found->second;
    SetNeed(id, body, 0);
    EndEvictable(body);
    SetSize(body, Size::kNone);
    used_ -= body.held;
    body.client->second.held -= body.held;
    if (--body.client->second.bodies == 0) {
      clients_.erase(body.client);
    }
    std::erase(waiting_, id);
    cancelled = std::move(body.granted);
    evict = std::move(body.evict);
    bodies_.erase(found);
  }
  GrantWaiting();
}

void BodyBudget::GrantWaiting() {
  std::vector<std::pair<Id, Callback>> granted;
  {
    const std::lock_guard lock(mutex_);
    granted = TakeGrantable();
  }
  for (auto& [id, grant] : granted) {
    std::move(grant)();
  }
}

std::vector<std::pair<BodyBudget::Id, BodyBudget::Callback>> BodyBudget::TakeGrantable() {
  std::vector<std::pair<Id, Callback>> granted;
  if (waiting_.empty()) {
    return granted;
  }
  std::vector<std::tuple<std::size_t, Id>> order;
  order.reserve(waiting_.size());
  for (const Id id : waiting_) {
    order.emplace_back(bodies_.at(id).client->second.held, id);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& one, const auto& other) { return std::get<0>(one) < std::get<0>(other); });
  // A body that becomes small or large is one that begins: it passes no body of its client that waits for the same
  // share, and none that waits for the same room.
  std::set<std::pair<const ClientBytes*, Size>> over_share;
  std::set<Size> without_room;
  for (const auto& [held, id] : order) {
    Body& body = bodies_.at(id);
    const Size size = SizeAfter(body, body.step);
    const std::pair<const ClientBytes*, Size> share(&body.client->second, size);
    const bool begins = size != body.size;
    if (begins && (over_share.contains(share) || without_room.contains(size))) {
      continue;
    }
    switch (Judge(body, body.step)) {
      case Verdict::kGranted:
        GrowNow(id, body, std::exchange(body.step, 0));
        granted.emplace_back(id, std::move(body.granted));
        std::erase(waiting_, id);
        break;
      case Verdict::kClientShare:
        over_share.insert(share);
        break;
      case Verdict::kRoom:
        without_room.insert(size);
        break;
    }
  }
  return granted;
}

BodyBudget::Verdict BodyBudget::Judge(const Body& body, std::size_t bytes) const {
  const Size size = SizeAfter(body, bytes);
  if (size != body.size && !WithinShare(body, size)) {
    return Verdict::kClientShare;
  }
  const std::size_t limit = size == Size::kLarge ? large_limit_ : limit_;
  return used_ <= limit && bytes <= limit - used_ && AllCanEnd(body, bytes, limit) ? Verdict::kGranted : Verdict::kRoom;
}

bool BodyBudget::WithinShare(const Body& body, Size size) const {
  const ClientBytes& client = body.client->second;
  const std::size_t others = used_ - client.held;
  if (size == Size::kLarge) {
    // One that is alone is served however large it is.
    return large_bodies_ == 0 || client.large_claims + body.claim <= ClientShare(large_limit_, others);
  }
  return client.small_claims + SmallClaim(body) <= ClientShare(limit_, others);
}

bool BodyBudget::AllCanEnd(const Body& body, std::size_t bytes, std::size_t limit) const {
  // Bodies that hold all they need give it back without more. The others follow in the order of their needs: when the
  // next one's is not there by then, neither is a later one's.
  std::size_t room = limit - std::min(limit, used_unfinished_ + bytes);
  bool body_ends = false;
  const auto end_body = [&] {
    body_ends = true;
    room += body.held + bytes;
  };
  for (const auto& [key, other] : needs_) {
    if (!body_ends && room >= body.need - bytes) {
      end_body();
    }
    if (room >= needs_.rbegin()->first.first) {
      return true;
    }
    if (other == &body) {
      continue;
    }
    if (key.first > room) {
      return false;
    }
    room += other->held;
  }
  return body_ends || room >= body.need - bytes;
}

BodyBudget::Size BodyBudget::SizeAfter(const Body& body, std::size_t bytes) const {
  return body.held + bytes > small_ ? Size::kLarge : Size::kSmall;
}

void BodyBudget::GrowNow(Id id, Body& body, std::size_t bytes) {
  SetSize(body, SizeAfter(body, bytes));
  const std::size_t need = body.need - bytes;
  SetNeed(id, body, 0);
  used_ += bytes;
  body.held += bytes;
  body.client->second.held += bytes;
  body.client->second.unfinished += body.evictable ? bytes : 0;
  body.grown_at = ++growths_;
  SetNeed(id, body, need);
}

void BodyBudget::SetNeed(Id id, Body& body, std::size_t need) {
  if (body.need > 0) {
    needs_.erase({body.need, id});
    used_unfinished_ -= body.held;
  }
  body.need = need;
  if (need > 0) {
    needs_.emplace(std::pair(need, id), &body);
    used_unfinished_ += body.held;
  }
}

void BodyBudget::SetSize(Body& body, Size size) {
  ClientBytes& client = body.client->second;
  if (body.size == Size::kSmall) {
    client.small_claims -= SmallClaim(body);
  } else if (body.size == Size::kLarge) {
    client.large_claims -= body.claim;
    large_bodies_--;
  }
  body.size = size;
  if (size == Size::kSmall) {
    client.small_claims += SmallClaim(body);
  } else if (size == Size::kLarge) {
    client.large_claims += body.claim;
    large_bodies_++;
  }
}

void BodyBudget::EndEvictable(Body& body) {
  if (std::exchange(body.evictable, false)) {
    body.client->second.unfinished -= body.held;
  }
}

std::size_t BodyBudget::SmallClaim(const Body& body) const {
  return std::min(body.claim, small_);
}

}  // namespace accelerd
