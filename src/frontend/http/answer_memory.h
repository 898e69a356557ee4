#ifndef ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_
#define ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "frontend/http/byte_budget.h"
#include "frontend/http/router.h"

namespace accelerd {

/// Bodies over this many bytes are reserved from a budget: many clients that do not read must not hold memory without
/// a bound.
inline constexpr std::size_t kSmallBody = 64 << 10;

/// The room of one answer in the budget of all answers. It is reserved before the work that makes the answer, as far as
/// the answer's size is known by then. Used by one thread at a time.
class AnswerRoom {
 public:
  AnswerRoom(std::shared_ptr<ByteBudget> budget, std::string client)
      : budget_(std::move(budget)), client_(std::move(client)) {}

  /// Reserves room for a body of `bytes` altogether. A small body needs none. One that is larger than the whole budget
  /// has it alone. Returns kResourceExhausted if there is no room, or if the client would be over its share.
  absl::Status Reserve(std::size_t bytes);

  /// Makes the response hold the room until it was written.
  static void Attach(const std::shared_ptr<const AnswerRoom>& room, HttpResponse& response);

 private:
  const std::shared_ptr<ByteBudget> budget_;
  const std::string client_;
  const std::shared_ptr<std::atomic<bool>> wanted_ = std::make_shared<std::atomic<bool>>(false);
  std::size_t bytes_ = 0;
  std::vector<ByteBudget::Reservation> reservations_;
};

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_
