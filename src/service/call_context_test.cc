#include "service/call_context.h"

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(CancellationTest, RunsTheRegisteredFunctionOnce) {
  Cancellation cancellation;
  int calls = 0;
  cancellation.OnCancel([&] { ++calls; });
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_EQ(calls, 1);
}

TEST(CancellationTest, ALateRegistrationRunsAtOnce) {
  Cancellation cancellation;
  cancellation.Cancel();
  int calls = 0;
  cancellation.OnCancel([&] { ++calls; });
  cancellation.OnCancel(nullptr);
  EXPECT_EQ(calls, 1);
}

TEST(CancellationTest, ARegistrationCanBeTakenBack) {
  Cancellation cancellation;
  int calls = 0;
  cancellation.OnCancel([&] { ++calls; });
  cancellation.OnCancel(nullptr);
  cancellation.Cancel();
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace accelerd
