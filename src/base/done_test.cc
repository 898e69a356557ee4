#include "base/done.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(DoneTest, DeliversAValueOnce) {
  int calls = 0;
  std::string value;
  Done<std::string> done = [&](absl::StatusOr<std::string> result) {
    ++calls;
    value = *result;
  };
  Done<std::string> moved = std::move(done);
  moved(std::string("x"));
  EXPECT_FALSE(moved);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(value, "x");
}

TEST(DoneTest, EmptyDoesNothing) {
  Done<> done;
  done(absl::OkStatus());
}

TEST(DoneTest, DroppedCompletesWithInternal) {
  absl::Status seen;
  const auto drop = [&] { Done<> done = [&](const absl::Status& status) { seen = status; }; };
#ifdef NDEBUG
  drop();
  EXPECT_EQ(seen.code(), absl::StatusCode::kInternal);
#else
  EXPECT_DEATH(drop(), "without being called");
#endif
}

}  // namespace
}  // namespace accelerd
