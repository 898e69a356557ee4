#ifndef ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_
#define ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_

#include <cstddef>
#include <memory>

#include "base/status.h"
#include "frontend/http/byte_budget.h"

namespace accelerd {

/// Bodies over this many bytes are reserved from a budget: many clients that do not read must not hold memory without
/// a bound. One that is larger than the whole budget is served alone.
inline constexpr std::size_t kSmallBody = 64 << 10;

/// Room for a body of about `bytes`, for HttpResponse::memory; null when it is small. kResourceExhausted: there is
/// none.
absl::StatusOr<std::shared_ptr<const void>> ReserveAnswer(std::size_t bytes, ByteBudget& budget);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_ANSWER_MEMORY_H_
