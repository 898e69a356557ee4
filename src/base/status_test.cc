#include "base/status.h"

#include <chrono>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(StatusTest, RetryAfterRoundsUpAndSurvivesAnnotation) {
  const absl::Status status = WithRetryAfter(absl::UnavailableError("busy"), microseconds(1500));
  EXPECT_EQ(RetryAfter(status), milliseconds(2));
  const absl::Status annotated = Annotate(status, "model");
  EXPECT_EQ(Message(annotated), "model: busy");
  EXPECT_EQ(RetryAfter(annotated), milliseconds(2));
}

TEST(StatusTest, NoAdviceWithoutIt) {
  EXPECT_EQ(RetryAfter(absl::UnavailableError("busy")), std::nullopt);
  EXPECT_TRUE(WithRetryAfter(absl::OkStatus(), milliseconds(1)).ok());
}

}  // namespace
}  // namespace accelerd
