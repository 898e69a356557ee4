#include "frontend/http/answer_memory.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace accelerd {

absl::StatusOr<std::shared_ptr<const void>> ReserveAnswer(std::size_t bytes, ByteBudget& budget) {
  if (bytes <= kSmallBody) {
    return nullptr;
  }
  std::optional<ByteBudget::Reservation> reservation = budget.TryReserve(std::min(bytes, budget.limit()));
  if (!reservation) {
    return absl::ResourceExhaustedError("too many large answers at once; try again later");
  }
  return std::make_shared<const ByteBudget::Reservation>(*std::move(reservation));
}

}  // namespace accelerd
