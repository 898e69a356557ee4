#include "frontend/http/task_query.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<TaskQuery> Read(Task task, std::vector<std::pair<std::string, std::string>> query) {
  HttpRequest request;
  request.query = std::move(query);
  return ReadTaskQuery(request, task);
}

TEST(TaskQueryTest, AnEmptyQueryIsTheOriginalCall) {
  const auto query = Read(Task::kDetect, {});
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->options.min_score, 0.01F);
  EXPECT_TRUE(query->options.best_of_class);
  EXPECT_EQ(query->options.output, "");
  EXPECT_FALSE(query->labels);
}

TEST(TaskQueryTest, EveryParameter) {
  const auto query =
      Read(Task::kDetect, {{"output", "o"}, {"labels", "1"}, {"all", "true"}, {"threshold", "0.5"}, {"other", "x"}});
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->options.output, "o");
  EXPECT_TRUE(query->labels);
  EXPECT_FALSE(query->options.best_of_class);
  EXPECT_LT(query->options.min_score, 0.5F) << "a score of 0.5 is answered";
  EXPECT_GT(query->options.min_score, 0.4999F);
}

TEST(TaskQueryTest, ThresholdsAtTheEnds) {
  EXPECT_EQ(Read(Task::kClassify, {{"threshold", "0"}})->options.min_score, 0.0F);
  EXPECT_LT(Read(Task::kClassify, {{"threshold", "1"}})->options.min_score, 1.0F);
  EXPECT_EQ(Read(Task::kDetect, {{"all", "0"}})->options.best_of_class, true);
}

TEST(TaskQueryTest, ValuesThatCannotBe) {
  for (const char* value : {"", "1.01", "-0.1", "nan", "inf", "0x1", " 0.5", "0.5 ", "90%", "1e", "--1"}) {
    const absl::Status status = Read(Task::kDetect, {{"threshold", value}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(Message(status), HasSubstr("'threshold' is")) << value;
  }
  for (const char* name : {"all", "labels"}) {
    EXPECT_THAT(Message(Read(Task::kDetect, {{name, "yes"}}).status()), HasSubstr(name));
  }
}

TEST(TaskQueryTest, WhatATaskDoesNotHaveIsIgnored) {
  EXPECT_TRUE(Read(Task::kSegment, {{"threshold", "high"}, {"all", "yes"}}).ok());
  EXPECT_TRUE(Read(Task::kClassify, {{"all", "yes"}}).ok());
}

}  // namespace
}  // namespace accelerd
