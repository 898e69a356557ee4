#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>

#include "engine/model_manager_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ModelManagerTest, ALoadedModelServes) {
  EXPECT_TRUE(Load(Request("b")).ok());
  EXPECT_TRUE(Load(Request("a")).ok());
  EXPECT_THAT(Listed(), ElementsAre("a READY", "b READY"));
  const ModelHandle model = Route("a");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info.slots, 2);
  EXPECT_EQ(Infer(model, 4).get(), 5);
}

TEST_F(ModelManagerTest, ClientsThatLoadTheSameModelShareOneLoad) {
  device_->Block("a");
  LoadCompletion first;
  LoadCompletion second;
  BeginLoad(Request("a"), first);
  BeginLoad(Request("a"), second);
  device_->WaitForCompiles(1);
  EXPECT_THAT(Listed(), ElementsAre("a LOADING"));
  EXPECT_EQ(Route("a"), nullptr);
  EXPECT_FALSE(first.ready() || second.ready());
  device_->Unblock("a");
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_TRUE(Load(Request("a")).ok());
  EXPECT_EQ(device_->compiles(), 1);
}

TEST_F(ModelManagerTest, AFailedLoadTellsEachCallerAndStaysListed) {
  device_->SetCompileStatus("a", absl::InvalidArgumentError("a.bin is truncated"));
  device_->Block("a");
  LoadCompletion first;
  LoadCompletion second;
  BeginLoad(Request("a"), first);
  BeginLoad(Request("a"), second);
  device_->Unblock("a");
  for (LoadCompletion* completion : {&first, &second}) {
    const absl::Status status = completion->Wait();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(Message(status)), HasSubstr("a.bin is truncated"));
  }
  EXPECT_THAT(Listed(), ElementsAre("a UNAVAILABLE: a.bin is truncated"));
  device_->SetCompileStatus("a", absl::OkStatus());
  EXPECT_TRUE(Load(Request("a")).ok());
  EXPECT_EQ(device_->compiles(), 2);
}

TEST_F(ModelManagerTest, APinnedModelStaysWhenItsLoadFails) {
  device_->SetCompileStatus("a", absl::InvalidArgumentError("broken"));
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(Request("a", "/models", true), completion);
  device_->Unblock("a");
  EXPECT_FALSE(completion.Wait().ok());
  EXPECT_TRUE(manager_->List().at(0).configured);
  EXPECT_THAT(Listed(), ElementsAre("a UNAVAILABLE: broken"));
  EXPECT_FALSE(Load(Request("a")).ok());
  EXPECT_EQ(device_->compiles(), 2);
  EXPECT_THAT(Listed(), ElementsAre("a UNAVAILABLE: broken")) << "still pinned";
  device_->SetCompileStatus("a", absl::OkStatus());
  EXPECT_TRUE(Load(Request("a")).ok());
  EXPECT_THAT(Listed(), ElementsAre("a READY"));
}

TEST_F(ModelManagerTest, ANameThatIsTakenByOtherFilesIsRefused) {
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(Request("a", "/here"), completion);
  for (const bool ready : {false, true}) {
    if (ready) {
      device_->Unblock("a");
      ASSERT_TRUE(completion.Wait().ok());
    }
    const absl::Status status = Load(Request("a", "/there"));
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_THAT(std::string(Message(status)), AllOf(HasSubstr("/here/a.xml"), HasSubstr("/there/a.xml")));
  }
  EXPECT_EQ(device_->compiles(), 1);
}

TEST_F(ModelManagerTest, AcceptedCallsFinishAfterAnUnload) {
  auto* manual = new ManualModel(1);
  device_->SetMakeModel([manual](const ModelSource&) { return std::unique_ptr<CompiledModel>(manual); });
  ASSERT_TRUE(Load(Request("a")).ok());
  std::future<std::int64_t> running = Infer(Route("a"), 1);
  std::future<std::int64_t> queued = Infer(Route("a"), 2);
  EXPECT_TRUE(Unload("a").ok());
  EXPECT_EQ(Route("a"), nullptr);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(device_->live_models(), 1);
  manual->FinishOne();
  EXPECT_EQ(running.get(), 2);
  manual->FinishOne();
  EXPECT_EQ(queued.get(), 3);
  device_->WaitForLiveModels(0);
}

TEST_F(ModelManagerTest, ALoadAfterAnUnloadIsANewGenerationBesideTheOld) {
  NumberModels();
  ASSERT_TRUE(Load(Request("a", "/here")).ok());
  ModelHandle old = Route("a");
  ASSERT_TRUE(Unload("a").ok());
  ASSERT_TRUE(Load(Request("a", "/there")).ok());
  ModelHandle current = Route("a");
  EXPECT_NE(old->generation, current->generation);
  EXPECT_EQ(device_->live_models(), 2);
  EXPECT_EQ(Infer(old, 1).get(), 101);
  EXPECT_EQ(Infer(current, 1).get(), 201);
  old.reset();
  device_->WaitForLiveModels(1);
  EXPECT_EQ(Infer(current, 1).get(), 201);
}

TEST_F(ModelManagerTest, UnloadOfAnUnknownModelIsOk) {
  EXPECT_TRUE(Unload("nobody").ok());
}

TEST_F(ModelManagerTest, UnloadWhileLoadingFailsTheLoadAndDropsItsResult) {
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  device_->WaitForCompiles(1);
  EXPECT_TRUE(Unload("a").ok());
  const absl::Status status = completion.Wait();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("was unloaded"));
  LoadCompletion again;
  BeginLoad(Request("a", "/there"), again);
  device_->Unblock("a");
  EXPECT_TRUE(again.Wait().ok());
  EXPECT_EQ(device_->compiles(), 2);
  EXPECT_EQ(Route("a")->files.main, "/there/a.xml");
  device_->WaitForLiveModels(1);
}

TEST_F(ModelManagerTest, LoadingDoesNotHinderInferenceOnOtherModels) {
  ASSERT_TRUE(Load(Request("a")).ok());
  device_->Block("b");
  LoadCompletion completion;
  BeginLoad(Request("b"), completion);
  device_->WaitForCompiles(2);
  EXPECT_EQ(Infer(Route("a"), 1).get(), 2);
  device_->Unblock("b");
  EXPECT_TRUE(completion.Wait().ok());
}

TEST_F(ModelManagerTest, ABrokenCardFailsTheLoad) {
  const std::string directory = testing::TempDir() + "/broken_card";
  std::filesystem::create_directories(directory);
  const LoadRequest request = Request("a", directory);
  std::ofstream(request.files.card) << "task = 3\n";
  EXPECT_THAT(std::string(Message(Load(request))), HasSubstr(request.files.card));
  std::ofstream(request.files.card) << "slots = 3\n";
  EXPECT_TRUE(Load(request).ok());
  EXPECT_EQ(Route("a")->card.slots, 3);
  std::filesystem::remove_all(directory);
}

TEST_F(ModelManagerTest, ACardThatWasMovedOutOfTheRootIsNotRead) {
  std::string pattern = testing::TempDir() + "/root-XXXXXX";
  const std::string base = std::filesystem::canonical(mkdtemp(pattern.data()));
  std::filesystem::create_directories(base + "/root/models");
  std::ofstream(base + "/a.toml") << "slots = 3\n";
  LoadRequest request = Request("a", base + "/root/models");
  request.files.root = base + "/root";
  EXPECT_TRUE(Load(request).ok());
  EXPECT_TRUE(Unload("a").ok());
  std::filesystem::remove(base + "/root/models");
  std::filesystem::create_symlink("..", base + "/root/models");
  EXPECT_THAT(std::string(Message(Load(request))), HasSubstr("leads out of"));
  request.files.root.clear();
  EXPECT_TRUE(Load(request).ok());
  EXPECT_EQ(Route("a")->card.slots, 3);
  std::filesystem::remove_all(base);
}

TEST_F(ModelManagerTest, WhatTheConfigurationNamesIsNotConfinedByAClient) {
  std::vector<std::string> roots;
  device_->OnCompile([&](const ModelSource& source) { roots.push_back(source.files.root); });
  LoadRequest clients = Request("a");
  clients.files.root = "/models";
  device_->SetCompileStatus("a", absl::InvalidArgumentError("broken"));
  EXPECT_FALSE(Load(Request("a", "/models", true)).ok());
  EXPECT_FALSE(Load(clients).ok());
  device_->SetCompileStatus("a", absl::OkStatus());
  EXPECT_TRUE(Load(clients).ok());
  EXPECT_THAT(roots, ElementsAre("", "", ""));

  // A client's comes first.
  clients.name = "b";
  clients.files.main = "/models/b.xml";
  EXPECT_TRUE(Load(clients).ok());
  LoadRequest own = clients;
  own.files.root.clear();
  own.pinned = true;
  EXPECT_TRUE(Load(own).ok());
  device_->Lose(absl::UnavailableError("gone"));
  device_->WaitForCompiles(6);
  EXPECT_TRUE(Unload("b").ok());
  manager_.reset();
  EXPECT_EQ(std::ranges::count(roots, "/models"), 1);
}

TEST_F(ModelManagerTest, TheAttachmentBelongsToTheModelAndItsErrorFailsTheLoad) {
  bool fail = true;
  const auto attachment = std::make_shared<const ModelAttachment>();
  ModelManagerOptions options;
  options.loading.attach = [&](const ModelInfo&, const ModelCard&,
                               const ModelFiles&) -> absl::StatusOr<std::shared_ptr<const ModelAttachment>> {
    if (fail) {
      return absl::InvalidArgumentError("no labels");
    }
    return attachment;
  };
  Restart(std::move(options));
  const absl::Status status = Load(Request("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("no labels"));
  EXPECT_EQ(device_->live_models(), 0);
  fail = false;
  ASSERT_TRUE(Load(Request("a")).ok());
  EXPECT_EQ(Route("a")->attachment, attachment);
}

TEST_F(ModelManagerTest, LoadsWaitForADeviceThatIsNotThere) {
  manager_.reset();
  device_->SetOpenStatus(absl::UnavailableError("no such device"));
  testing::internal::CaptureStderr();
  Restart();
  LoadCompletion completion;
  BeginLoad(Request("a", "/models", true), completion);
  device_->WaitForOpens(4);
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("no such device"));
  EXPECT_EQ(log.find("no such device"), log.rfind("no such device")) << "said once";
  EXPECT_FALSE(completion.ready());
  EXPECT_THAT(Listed(), ElementsAre("a LOADING: the device is not there: no such device"));
  device_->SetOpenStatus(absl::OkStatus());
  EXPECT_TRUE(completion.Wait().ok());
}

TEST_F(ModelManagerTest, ShutdownEndsLoadsThatWaitForTheDevice) {
  device_->SetOpenStatus(absl::UnavailableError("no such device"));
  Restart();
  device_->WaitForOpens(2);
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  manager_.reset();
  EXPECT_EQ(completion.Wait().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ModelManagerTest, ShutdownDuringACompileDropsItsResult) {
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(Request("a"), completion);
  device_->WaitForCompiles(1);
  std::thread shutdown([&] { manager_.reset(); });
  EXPECT_EQ(completion.Wait().code(), absl::StatusCode::kUnavailable);
  device_->Unblock("a");
  shutdown.join();
}

TEST_F(ModelManagerTest, ABackendThatCannotBeCreatedIsTriedAgain) {
  manager_.reset();
  std::atomic<int> attempts = 0;
  ModelManager manager(
      {},
      [&](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
        if (++attempts < 3) {
          return absl::UnavailableError("no driver");
        }
        return std::make_unique<FakeBackend>(device_, std::move(on_lost));
      },
      scheduler_);
  LoadCompletion completion;
  manager.Load(Request("a"), completion.done());
  EXPECT_TRUE(completion.Wait().ok());
}

}  // namespace
}  // namespace accelerd
