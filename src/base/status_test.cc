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

TEST(StatusTest, ReasonAndClientLimitSurviveAnnotation) {
  const absl::Status plain = absl::ResourceExhaustedError("busy");
  EXPECT_EQ(Reason(plain), "");
  EXPECT_FALSE(IsClientLimit(plain));
  const absl::Status marked = Annotate(WithClientLimit(WithReason(plain, "client_queue_full")), "model");
  EXPECT_EQ(Reason(marked), "client_queue_full");
  EXPECT_TRUE(IsClientLimit(marked));
  EXPECT_EQ(Reason(WithReason(absl::OkStatus(), "x")), "");
  EXPECT_TRUE(WithClientLimit(absl::OkStatus()).ok());
  EXPECT_FALSE(IsClientLimit(WithClientLimit(absl::OkStatus())));
}

}  // namespace
}  // namespace accelerd
