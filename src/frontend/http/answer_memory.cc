#include "frontend/http/answer_memory.h"

#include <algorithm>
#include <optional>

#include "fmt/core.h"

namespace accelerd {

absl::Status AnswerRoom::Reserve(std::size_t bytes) {
  const std::size_t wanted = std::min(bytes, budget_->limit());
  if (bytes <= kSmallBody || wanted <= bytes_) {
    return absl::OkStatus();
  }
  std::optional<ByteBudget::Reservation> reservation = budget_->TryReserve(client_, wanted - bytes_, wanted_);
  if (!reservation) {
    return absl::ResourceExhaustedError(fmt::format(
        "there is no room for an answer of {} bytes: the large answers that are made or read now may have {} "
        "bytes (--max-total-response-bytes), which the clients share; try again later",
        bytes, budget_->limit()));
  }
  reservations_.push_back(*std::move(reservation));
  bytes_ = wanted;
  return absl::OkStatus();
}

void AnswerRoom::Attach(const std::shared_ptr<const AnswerRoom>& room, HttpResponse& response) {
  if (room->bytes_ == 0) {
    return;
  }
  using Memory = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  response.memory = std::make_shared<const Memory>(room, std::move(response.memory));
  response.wanted = room->wanted_;
}

}  // namespace accelerd
