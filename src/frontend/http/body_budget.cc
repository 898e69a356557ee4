#include "frontend/http/body_budget.h"

#include <algorithm>
#include <vector>

namespace accelerd {

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

BodyBudget::Account BodyBudget::Open(std::size_t claim) {
  const std::lock_guard lock(mutex_);
  const Id id = ++last_id_;
  SetNeed(id, bodies_[id], claim);
  return Account(shared_from_this(), id);
}

bool BodyBudget::Grow(const Account& account, std::size_t bytes, Grant granted) {
  const std::lock_guard lock(mutex_);
  Body& body = bodies_.at(account.id_);
  if ((waiting_.empty() || body.held > 0) && MayGrow(body, bytes)) {
    GrowNow(account.id_, body, bytes);
    return true;
  }
  body.step = bytes;
  body.granted = std::move(granted);
  waiting_.push_back(account.id_);
  return false;
}

void BodyBudget::CancelGrow(const Account& account) {
  Grant cancelled;  // Destroyed outside the lock: it may hold accounts.
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

std::size_t BodyBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void BodyBudget::Finish(Id id) {
  {
    const std::lock_guard lock(mutex_);
    SetNeed(id, bodies_.at(id), 0);
  }
  GrantWaiting();
}

void BodyBudget::Close(Id id) {
  Grant cancelled;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bodies_.find(id);
    SetNeed(id, found->second, 0);
    used_ -= found->second.held;
    std::erase(waiting_, id);
    cancelled = std::move(found->second.granted);
    bodies_.erase(found);
  }
  GrantWaiting();
}

void BodyBudget::GrantWaiting() {
  std::vector<Grant> granted;
  {
    const std::lock_guard lock(mutex_);
    bool passed_over = false;
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      Body& body = bodies_.at(*next);
      if ((passed_over && body.held == 0) || !MayGrow(body, body.step)) {
        passed_over = true;
        ++next;
        continue;
      }
      GrowNow(*next, body, std::exchange(body.step, 0));
      granted.push_back(std::move(body.granted));
      next = waiting_.erase(next);
    }
  }
  for (Grant& grant : granted) {
    std::move(grant)();
  }
}

bool BodyBudget::MayGrow(const Body& body, std::size_t bytes) const {
  if (bytes > limit_ - used_) {
    return false;
  }
  // What is whole gives its bytes back without more. The others in the order of their needs: when the next one's is not
  // there by then, neither is a later one's.
  std::size_t room = limit_ - used_unfinished_ - bytes;
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

void BodyBudget::GrowNow(Id id, Body& body, std::size_t bytes) {
  const std::size_t need = body.need - bytes;
  SetNeed(id, body, 0);
  used_ += bytes;
  body.held += bytes;
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

}  // namespace accelerd
