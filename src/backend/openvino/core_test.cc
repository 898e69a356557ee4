#include "backend/openvino/core.h"

#include <stdexcept>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd::openvino {
namespace {

TEST(CleanMessage, KeepsWhatPeopleNeed) {
  EXPECT_EQ(CleanMessage("Exception from src/inference/src/cpp/core.cpp:105:\n"
                         "Check 'x > 0' failed at src/y.cpp:7:\n  Unable to read the model.\n\nTry another.\n\n"),
            "Unable to read the model. Try another.");
  EXPECT_EQ(CleanMessage("Exception from a.cpp:1:\n"), "Exception from a.cpp:1:?");
  EXPECT_EQ(CleanMessage(""), "no reason given");
  EXPECT_EQ(CleanMessage("a\xff\tb"), "a??b");
  EXPECT_EQ(CleanMessage(std::string(10000, 'x')).size(), 600);
}

TEST(Guard, TurnsExceptionsIntoStatus) {
  EXPECT_EQ(*Guard(absl::StatusCode::kInternal, "what", [] { return 3; }), 3);
  EXPECT_TRUE(Guard(absl::StatusCode::kInternal, "what", [] {}).ok());
  const absl::Status status = Guard(absl::StatusCode::kUnavailable, "what", [] { throw std::runtime_error("that"); });
  EXPECT_EQ(status, absl::UnavailableError("what: that"));
  EXPECT_EQ(Guard(absl::StatusCode::kInternal, "what", []() -> int { throw 1; }).status().code(),
            absl::StatusCode::kInternal);
}

TEST(MeansDeviceLost, KnowsTheDriversWords) {
  EXPECT_TRUE(MeansDeviceLost("L0 zeFenceHostSynchronize result: ZE_RESULT_ERROR_DEVICE_LOST, code 0x70000001"));
  EXPECT_FALSE(MeansDeviceLost("Can not clone with new dims"));
}

}  // namespace
}  // namespace accelerd::openvino
