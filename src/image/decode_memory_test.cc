#include "image/decode_memory.h"

#include <chrono>
#include <future>
#include <thread>

#include "gtest/gtest.h"

namespace accelerd {
namespace {

TEST(DecodeMemoryTest, LargeOnesWaitInLine) {
  const auto memory = std::make_shared<DecodeMemory>(160);
  auto first = memory->Reserve(100, {});
  ASSERT_TRUE(first.ok());
  auto second = std::async(std::launch::async, [&] { return memory->Reserve(100, {}); });
  first = nullptr;
  ASSERT_TRUE(second.get().ok());
  EXPECT_TRUE(memory->Reserve(160, {}).ok()) << "all was given back";
}

TEST(DecodeMemoryTest, SmallOnesNeverWait) {
  const auto memory = std::make_shared<DecodeMemory>(160);
  const auto all = memory->Reserve(160, {});
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(memory->Reserve(10, {}).ok());
}

TEST(DecodeMemoryTest, WhoLeavesOrIsLateDoesNotWait) {
  const auto memory = std::make_shared<DecodeMemory>(160);
  const auto all = memory->Reserve(160, {});
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(memory->Reserve(100, {.deadline = Clock::Steady().Now()}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  std::stop_source left;
  auto waiting = std::async(std::launch::async, [&] { return memory->Reserve(100, {.left = left.get_token()}); });
  left.request_stop();
  EXPECT_EQ(waiting.get().status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace accelerd
