#include "frontend/http/byte_budget.h"

#include <algorithm>

#include "frontend/http/client_share.h"

namespace accelerd {

ByteBudget::Reservation& ByteBudget::Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release();
    budget_ = std::move(other.budget_);
    id_ = other.id_;
  }
  return *this;
}

void ByteBudget::Reservation::Release() {
  if (const auto budget = std::move(budget_)) {
    budget->GiveBack(id_);
  }
}

std::optional<ByteBudget::Reservation> ByteBudget::TryReserve(const std::string& client, std::size_t bytes,
                                                              std::shared_ptr<std::atomic<bool>> wanted) {
  const std::lock_guard lock(mutex_);
  const auto known = clients_.find(client);
  const std::size_t held = known == clients_.end() ? 0 : known->second;
  const bool fits = bytes <= limit_ - used_;
  const bool in_share = used_ == 0 || (fits && held + bytes <= ClientShare(limit_, used_ - held));
  if (!fits || !in_share) {
    AskForRoom(held);
    return std::nullopt;
  }
  const auto owner = known == clients_.end() ? clients_.emplace(client, 0).first : known;
  owner->second += bytes;
  used_ += bytes;
  entries_.emplace(++last_id_, Entry{.client = owner, .bytes = bytes, .wanted = std::move(wanted)});
  return Reservation(shared_from_this(), last_id_);
}

std::size_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void ByteBudget::GiveBack(Id id) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  const Clients::iterator owner = found->second.client;
  used_ -= found->second.bytes;
  owner->second -= found->second.bytes;
  entries_.erase(found);
  const bool holds_more =
      std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.second.client == owner; });
  if (!holds_more) {
    clients_.erase(owner);
  }
}

void ByteBudget::AskForRoom(std::size_t held) {
  const auto most = std::max_element(clients_.begin(), clients_.end(),
                                     [](const auto& one, const auto& other) { return one.second < other.second; });
  if (most == clients_.end() || most->second <= held) {
    return;
  }
  const auto oldest = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
    return entry.second.client == most && entry.second.wanted != nullptr && !*entry.second.wanted;
  });
  if (oldest != entries_.end()) {
    *oldest->second.wanted = true;
  }
}

}  // namespace accelerd
