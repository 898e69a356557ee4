#include "frontend/http/call_conditions.h"

#include "gmock/gmock.h"

namespace accelerd {
namespace {

using testing::HasSubstr;
using Pairs = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<CallConditions> Read(Pairs headers, const Pairs& query = {}) {
  RequestHead head;
  head.headers = std::move(headers);
  return ReadCallConditions(head, query);
}

/// The message of the refusal.
std::string Refusal(Pairs headers, const Pairs& query = {}) {
  const auto conditions = Read(std::move(headers), query);
  EXPECT_EQ(conditions.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(Message(conditions.status()));
}

TEST(CallConditionsTest, NoneByDefault) {
  const auto conditions = Read({{"host", "x"}}, {{"labels", "1"}});
  ASSERT_TRUE(conditions.ok());
  EXPECT_FALSE(conditions->priority);
  EXPECT_FALSE(conditions->timeout);
  EXPECT_EQ(conditions->stream, "");
  EXPECT_EQ(conditions->client_id, "");
}

TEST(CallConditionsTest, ReadsAllOfThem) {
  const auto conditions =
      Read({{"x-priority", "batch"}, {"x-timeout-ms", "250"}, {"x-stream", "front door"}, {"x-client-id", "~a!"}});
  ASSERT_TRUE(conditions.ok()) << conditions.status();
  EXPECT_EQ(conditions->priority, PriorityClass::kBatch);
  EXPECT_EQ(conditions->timeout, std::chrono::milliseconds(250));
  EXPECT_EQ(conditions->stream, "front door");
  EXPECT_EQ(conditions->client_id, "~a!");
}

TEST(CallConditionsTest, Priorities) {
  for (const PriorityClass priority : {PriorityClass::kRealtime, PriorityClass::kNormal, PriorityClass::kBatch}) {
    EXPECT_EQ(Read({{"x-priority", std::string(PriorityClassName(priority))}})->priority, priority);
  }
  for (const char* text : {"", "high", "Normal", "realtime,batch"}) {
    EXPECT_THAT(Refusal({{"x-priority", text}}), HasSubstr("realtime, normal or batch")) << text;
  }
}

TEST(CallConditionsTest, Timeouts) {
  EXPECT_EQ(Read({{"x-timeout-ms", "1"}})->timeout, std::chrono::milliseconds(1));
  EXPECT_EQ(Read({{"x-timeout-ms", "9223372036854775807"}})->timeout, std::chrono::milliseconds::max());
  for (const char* text : {"", "0", "-1", "+1", "1.5", "1s", " 1", "9223372036854775808", "0x10"}) {
    EXPECT_THAT(Refusal({{"x-timeout-ms", text}}), HasSubstr("whole number of milliseconds")) << text;
  }
}

TEST(CallConditionsTest, Names) {
  const std::string longest(64, 'x');
  EXPECT_EQ(Read({{"x-client-id", longest}})->client_id, longest);
  for (const std::string& text : {std::string(), longest + "x", std::string("a\tb"), std::string("\xc3\xa9")}) {
    EXPECT_THAT(Refusal({{"x-client-id", text}}), HasSubstr("X-Client-Id must be 1 to 64 printable")) << text;
    EXPECT_THAT(Refusal({{"x-stream", text}}), HasSubstr("X-Stream must be 1 to 64 printable")) << text;
    EXPECT_THAT(Refusal({}, {{"stream", text}}), HasSubstr("'stream' must be 1 to 64 printable")) << text;
  }
}

TEST(CallConditionsTest, OneStreamHoweverItIsNamed) {
  EXPECT_EQ(Read({}, {{"stream", "cam"}})->stream, "cam");
  EXPECT_EQ(Read({{"x-stream", "cam"}}, {{"stream", "cam"}})->stream, "cam");
  EXPECT_THAT(Refusal({{"x-stream", "cam"}}, {{"stream", "other"}}), HasSubstr("two streams, \"cam\" and \"other\""));
  EXPECT_THAT(Refusal({}, {{"stream", "a"}, {"stream", "b"}}), HasSubstr("two streams"));
}

TEST(CallConditionsTest, HeadersComeOnce) {
  for (const char* name : {"x-priority", "x-timeout-ms", "x-stream", "x-client-id"}) {
    EXPECT_THAT(Refusal({{name, "1"}, {name, "1"}}), HasSubstr("is there twice")) << name;
  }
}

}  // namespace
}  // namespace accelerd
