#include "frontend/http/byte_budget.h"

namespace accelerd {

ByteBudget::Reservation& ByteBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
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
  if (bytes > limit_ - used_) {
    return std::nullopt;
  }
  used_ += bytes;
  return Reservation(shared_from_this(), bytes);
}

std::size_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void ByteBudget::GiveBack(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

}  // namespace accelerd
