#include "engine/load_table.h"

#include "fmt/core.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class LoadTableTest : public testing::Test {
 protected:
  LoadTableTest() { device_.state = DeviceState::kReady; }

  static LoadRequest Request(const std::string& name, const std::string& client = "", std::uint64_t bytes = 0) {
    return {.name = name, .files = {.main = "/models/" + name + ".xml", .card = ""}, .client = client, .bytes = bytes};
  }

  /// The answer of a load call, or that it waits.
  absl::Status Begin(const LoadRequest& request) {
    Done<> done = [](const absl::Status&) {};
    LoadTable::Begun begun = table_.Begin(request, done);
    if (done) {
      done(absl::OkStatus());
    }
    return begun.answer.value_or(absl::OkStatus());
  }

  /// Begins the next load, which is `name`'s.
  CompileStep NextLoad(const std::string& name) {
    DeviceSnapshot snapshot;
    snapshot.state = DeviceState::kReady;
    snapshot.placements = placements_;
    const Step step = table_.NextStep(snapshot, DeviceId{0}, Time());
    const auto* const compile = std::get_if<CompileStep>(&step);
    EXPECT_NE(compile, nullptr) << name;
    EXPECT_EQ(compile == nullptr ? "" : compile->name, name);
    return compile == nullptr ? CompileStep() : *compile;
  }

  void Finish(const CompileStep& load) {
    auto model = std::make_unique<EngineModel>();
    model->name = load.name;
    model->generation = load.generation;
    const ModelHandle handle = table_.Adopt(std::move(model), [](const EngineModel* last) { delete last; });
    placements_[load.generation] = {};
    auto published = table_.Publish(handle, {{.path = "/x", .bytes = bytes_}}, Time());
    ASSERT_TRUE(published);
    published->waiters.Complete(absl::OkStatus());
  }

  void Fail(const CompileStep& load) {
    auto failed = table_.MakeUnavailable(load.generation, "broken", std::vector<FileStamp>());
    ASSERT_TRUE(failed);
    failed->waiters.Complete(absl::UnavailableError("broken"));
  }

  void LoadWell(const LoadRequest& request) {
    EXPECT_TRUE(Begin(request).ok());
    Finish(NextLoad(request.name));
  }

  std::vector<std::string> Listed() const {
    std::vector<std::string> list;
    for (const ModelStatus& model : table_.List(device_)) {
      list.push_back(fmt::format("{} {} {}", model.name, ModelStateName(model.state), model.reason));
    }
    return list;
  }

  DeviceStatus device_;
  std::int64_t bytes_ = 0;
  std::map<ModelGeneration, DeviceSnapshot::Placement> placements_;
  LoadTable table_{{.max_models = 4, .max_client_models = 2, .max_total_model_bytes = 100}};
};

TEST_F(LoadTableTest, OneClientHasItsShareAndAllHaveABound) {
  LoadWell(Request("a", "x"));
  LoadWell(Request("b", "x"));
  const absl::Status over = Begin(Request("c", "x"));
  EXPECT_TRUE(IsClientLimit(over));
  EXPECT_THAT(std::string(Message(over)), HasSubstr("--max-client-models"));
  LoadWell(Request("c", "y"));
  LoadWell(Request("d", "y"));
  const absl::Status full = Begin(Request("e", "z"));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(IsClientLimit(full));
  EXPECT_THAT(std::string(Message(full)), HasSubstr("--max-models"));
  EXPECT_TRUE(Begin(Request("a", "z")).ok()) << "it is loaded";
  EXPECT_EQ(table_.Remove("a").size(), 1U);
  EXPECT_TRUE(Begin(Request("e", "z")).ok());
  table_.Refuse(absl::UnavailableError("")).Complete(absl::UnavailableError(""));
}

TEST_F(LoadTableTest, WhatTheConfigurationAsksForIsNeverRefused) {
  for (const std::string name : {"a", "b", "c", "d", "e"}) {
    LoadRequest own = Request(name, "", 1000);
    own.pinned = true;
    EXPECT_TRUE(Begin(own).ok());
    Finish(NextLoad(name));
  }
  EXPECT_FALSE(Begin(Request("f", "x")).ok());
  EXPECT_EQ(table_.Remove("a").size(), 1U);
  EXPECT_TRUE(Begin(Request("a", "x")).ok()) << "also when a client brings it back";
  Finish(NextLoad("a"));
  EXPECT_TRUE(table_.List(device_).at(0).configured);
}

TEST_F(LoadTableTest, ModelsOfClientsThatFailedMakeRoom) {
  for (const std::string name : {"a", "b", "c", "d", "e", "f"}) {
    EXPECT_TRUE(Begin(Request(name, "x")).ok()) << name;
    Fail(NextLoad(name));
  }
  EXPECT_THAT(Listed(), ElementsAre("e UNAVAILABLE broken", "f UNAVAILABLE broken")) << "its share";
  LoadRequest own = Request("own");
  own.pinned = true;
  EXPECT_TRUE(Begin(own).ok());
  Fail(NextLoad("own"));
  for (const std::string name : {"g", "h", "i"}) {
    LoadWell(Request(name, name));
  }
  EXPECT_THAT(Listed(), ElementsAre("g READY ", "h READY ", "i READY ", "own UNAVAILABLE broken"));
}

TEST_F(LoadTableTest, TheBytesOfAllModelsAreBounded) {
  bytes_ = 60;
  LoadWell(Request("a", "x", 60));
  const absl::Status over = Begin(Request("b", "y", 41));
  EXPECT_EQ(over.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(Message(over)), HasSubstr("--max-total-model-bytes"));
  EXPECT_FALSE(Begin(Request("b", "y", UINT64_MAX)).ok());
  bytes_ = 40;
  LoadWell(Request("b", "y", 40));
  // What is replaced makes room.
  Done<> done = [](const absl::Status&) {};
  LoadRequest other = Request("a", "x", 60);
  other.files.main = "/other/a.xml";
  other.replace = true;
  const LoadTable::Begun begun = table_.Begin(other, done);
  ASSERT_TRUE(begun.serving && begun.other_files);
  EXPECT_TRUE(table_.Replace(other, *begun.serving, done).starts);
  Fail(NextLoad("a"));
  done = [](const absl::Status&) {};
  other.bytes = 61;
  const LoadTable::Begun refused = table_.Replace(other, *begun.serving, done);
  EXPECT_FALSE(refused.answer.value_or(absl::OkStatus()).ok());
  done(absl::OkStatus());
  EXPECT_THAT(Listed(), ElementsAre("a READY ", "b READY "));
}

TEST_F(LoadTableTest, TheStateIsWhatACallWouldMeet) {
  LoadWell(Request("a"));
  EXPECT_TRUE(Begin(Request("b")).ok());
  EXPECT_THAT(Listed(), ElementsAre("a READY ", "b LOADING "));
  device_.state = DeviceState::kLost;
  device_.last_error = "X_LINK_ERROR";
  EXPECT_THAT(Listed(),
              ElementsAre("a LOADING the device is lost: X_LINK_ERROR", "b LOADING the device is lost: X_LINK_ERROR"));
  device_.state = DeviceState::kStuck;
  EXPECT_THAT(Listed(), ElementsAre(StartsWith("a UNAVAILABLE the device is stuck"), StartsWith("b LOADING")));
  device_.state = DeviceState::kReady;
  EXPECT_TRUE(table_.Withdraw(ModelGeneration{1}));
  EXPECT_THAT(Listed(), ElementsAre(StartsWith("a LOADING it is loaded again"), "b LOADING "));
  table_.Refuse(absl::UnavailableError("")).Complete(absl::UnavailableError(""));
}

TEST_F(LoadTableTest, ALossBeforeALoadBeganIsNotTheModelsFault) {
  EXPECT_TRUE(Begin(Request("a")).ok());
  const absl::Status crash = WithLossKind(absl::UnavailableError("SIGSEGV"), LossKind::kCrash);
  FailedLoad failed{.model = NextLoad("a").generation, .reason = crash, .device_lost = true};
  EXPECT_FALSE(table_.BlamesLoad(failed));
  failed.begun = false;
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(table_.BlamesLoad(failed));
  }
  failed.begun = true;
  EXPECT_TRUE(table_.BlamesLoad(failed));
  table_.Refuse(absl::UnavailableError("")).Complete(absl::UnavailableError(""));
}

TEST_F(LoadTableTest, AModelWhoseReplacementIsUnderWayIsReplacedWhenItIsSetAside) {
  LoadWell(Request("a"));
  Done<> done = [](const absl::Status&) {};
  ASSERT_TRUE(table_.Replace(Request("a"), ModelGeneration{1}, done).starts);
  CompileStep old;
  old.generation = ModelGeneration{1};
  Fail(old);
  EXPECT_THAT(Listed(), ElementsAre("a LOADING "));
  Finish(NextLoad("a"));
  EXPECT_THAT(Listed(), ElementsAre("a READY "));
}

}  // namespace
}  // namespace accelerd
