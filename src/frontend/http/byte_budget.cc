#include "frontend/http/byte_budget.h"

#include <algorithm>

namespace accelerd {

ByteBudget::Reservation& ByteBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void ByteBudget::Reservation::Merge(Reservation other) {
  if (budget_ == nullptr) {
    budget_ = other.budget_;
  }
  bytes_ += std::exchange(other.bytes_, 0);
}

void ByteBudget::Reservation::Release() {
  if (budget_ != nullptr && bytes_ > 0) {
    budget_->GiveBack(bytes_);
  }
  bytes_ = 0;
  budget_ = nullptr;
}

std::optional<ByteBudget::Reservation> ByteBudget::TryReserve(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty() || !FitsLocked(bytes)) {
    return std::nullopt;
  }
  used_ += bytes;
  return Reservation(shared_from_this(), bytes);
}

ByteBudget::Ticket ByteBudget::Reserve(std::size_t bytes, Grant grant) {
  Ticket ticket = 0;
  {
    const std::lock_guard lock(mutex_);
    ticket = ++last_ticket_;
    waiting_.push_back({ticket, bytes, std::move(grant)});
  }
  GrantWaiting();
  return ticket;
}

void ByteBudget::Cancel(Ticket ticket) {
  Waiting cancelled;  // Destroyed outside the lock: it may hold reservations.
  {
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.ticket == ticket; });
    if (found == waiting_.end()) {
      return;
    }
    cancelled = std::move(*found);
    waiting_.erase(found);
  }
  // It may have stood in the way of smaller ones.
  GrantWaiting();
}

std::size_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void ByteBudget::GiveBack(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    used_ -= bytes;
  }
  GrantWaiting();
}

void ByteBudget::GrantWaiting() {
  for (;;) {
    Waiting next;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty() || !FitsLocked(waiting_.front().bytes)) {
        return;
      }
      next = std::move(waiting_.front());
      waiting_.pop_front();
      used_ += next.bytes;
    }
    std::move(next.grant)(Reservation(shared_from_this(), next.bytes));
  }
}

}  // namespace accelerd
