#include "base/memory_guard.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(MemoryGuardTest, TurnsWhatIsThrownIntoAStatus) {
  const auto bad_alloc = [] { return GuardMemory([]() -> absl::Status { throw std::bad_alloc(); }); };
  EXPECT_EQ(bad_alloc().code(), absl::StatusCode::kResourceExhausted);
  const auto result = GuardMemory(
      []() -> absl::StatusOr<std::string> { return std::string(std::numeric_limits<std::size_t>::max(), 'x'); });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kResourceExhausted);
  const absl::Status other = GuardMemory([]() -> absl::Status { throw std::runtime_error("a library's own"); });
  EXPECT_EQ(other.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(other.message(), "a library's own");
}

TEST(MemoryGuardTest, LeavesResultsAlone) {
  EXPECT_EQ(GuardMemory([]() -> absl::StatusOr<int> { return 3; }).value(), 3);
  EXPECT_EQ(GuardMemory([] { return absl::NotFoundError("x"); }).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace accelerd
