// What a model serves when its files change, are half written, or vanish.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include "engine/model_manager_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

/// A model is its file's contents: "7" adds 7, what is no number is broken.
class ReplaceTest : public ModelManagerTest {
 protected:
  ReplaceTest() : ModelManagerTest(/*run_bound=*/std::chrono::minutes(1)) {
    std::string pattern = testing::TempDir() + "/replace-XXXXXX";
    folder_ = fs::canonical(mkdtemp(pattern.data()));
    fs::create_directories(folder_ / "other");
    device_->OnCompile([this](const ModelSource& source) {
      const std::string text = ReadFile(source.files.main, 100).value_or("");
      const bool broken = text.empty() || text.find_first_not_of("0123456789") != std::string::npos;
      device_->SetCompileStatus(source.name,
                                broken ? absl::InvalidArgumentError("it is broken: " + text) : absl::OkStatus());
    });
    device_->SetMakeModel([](const ModelSource& source) {
      return std::make_unique<ThreadedModel>(1, std::atoi(ReadFile(source.files.main, 100).value_or("0").c_str()), 0);
    });
    ModelManagerOptions options;
    options.loading.kept_directory = folder_ / "kept";
    options.device.probe_interval = std::chrono::milliseconds(1);
    Restart(std::move(options));
  }
  ~ReplaceTest() override {
    manager_.reset();
    fs::remove_all(folder_);
  }

  void RestartWithoutCopies() {
    ModelManagerOptions options;
    options.device.probe_interval = std::chrono::milliseconds(1);
    Restart(std::move(options));
  }

  void Write(const std::string& name, std::string_view text) const { std::ofstream(folder_ / name) << text; }

  LoadRequest RequestIn(const fs::path& folder) const { return Request("a", folder); }
  absl::Status LoadA() { return Load(RequestIn(folder_)); }
  /// What the model answers to 0.
  std::int64_t Answer() { return Infer(Route("a"), 0).get(); }

  /// Loses the device and waits until it has come back with all that it had.
  void LoseAndWait() {
    const int restarts = manager_->device().restarts;
    device_->Lose();
    while (manager_->device().restarts == restarts || manager_->device().state != DeviceState::kReady) {
      std::this_thread::yield();
    }
  }

  fs::path folder_;
};

TEST_F(ReplaceTest, ALoadOfUnchangedFilesIsDoneAtOnce) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  ASSERT_TRUE(LoadA().ok());
  EXPECT_EQ(device_->compiles(), 1);
}

TEST_F(ReplaceTest, ChangedFilesReplaceTheModelWhenTheyServe) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  const ModelHandle old = Route("a");
  Write("a.xml", "2");
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(RequestIn(folder_), completion);
  device_->WaitForCompiles(2);
  EXPECT_EQ(Answer(), 1);
  EXPECT_THAT(Listed(), ElementsAre("a READY"));
  device_->Unblock("a");
  EXPECT_TRUE(completion.Wait().ok());
  EXPECT_EQ(Answer(), 2);
  EXPECT_EQ(Infer(old, 0).get(), 1) << "accepted calls finish on what they were accepted for";
}

TEST_F(ReplaceTest, AChangeIsNoticedWhenSizeAndTimeArePreserved) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  const auto time = fs::last_write_time(folder_ / "a.xml");
  Write("a.xml", "2");
  fs::last_write_time(folder_ / "a.xml", time);
  ASSERT_TRUE(LoadA().ok());
  EXPECT_EQ(Answer(), 2);
}

TEST_F(ReplaceTest, TheCardAndTheLabelsAreFilesOfTheModel) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("names.txt", "cat\n");
  Write("a.toml", "labels = \"names.txt\"\n");
  ASSERT_TRUE(LoadA().ok());
  EXPECT_THAT(Route("a")->card.labels, ElementsAre("cat"));
  Write("names.txt", "cat\ndog\n");
  ASSERT_TRUE(LoadA().ok());
  EXPECT_THAT(Route("a")->card.labels, ElementsAre("cat", "dog"));
  Write("a.toml", "labels = 3\n");
  EXPECT_FALSE(LoadA().ok());
  EXPECT_THAT(Route("a")->card.labels, ElementsAre("cat", "dog"));
}

TEST_F(ReplaceTest, ChangedFilesOfAModelThatServesAreLoggedOnce) {
  Write("a.xml", "1");
  Write("names.txt", "cat\n");
  Write("a.toml", "labels = \"names.txt\"\n");
  ASSERT_TRUE(LoadA().ok());
  testing::internal::CaptureStderr();
  Write("names.txt", "dog\n");
  std::string log;
  for (int probes = device_->probes(); device_->probes() < probes + 5;) {
    std::this_thread::yield();
  }
  log = testing::internal::GetCapturedStderr();
  const std::string line = "the files of \"a\" changed (" + (folder_ / "names.txt").string() + ")";
  EXPECT_THAT(log, HasSubstr(line));
  EXPECT_EQ(log.find(line), log.rfind(line));
}

TEST_F(ReplaceTest, AHalfWrittenFileTakesNothingDown) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "<half");
  const absl::Status status = LoadA();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Message(status)), HasSubstr("it is broken: <half"));
  EXPECT_EQ(Answer(), 1);
  EXPECT_THAT(Listed(), ElementsAre("a READY"));
  LoseAndWait();
  EXPECT_EQ(Answer(), 1) << "nor after a loss";
  Write("a.xml", "2");
  EXPECT_TRUE(LoadA().ok());
  EXPECT_EQ(Answer(), 2);
}

TEST_F(ReplaceTest, ChangedFilesAreNotTakenOverByALoss) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  const ModelHandle model = Route("a");
  Write("a.xml", "2");
  for (int turn = 0; turn < 3; ++turn) {
    LoseAndWait();
    EXPECT_EQ(Answer(), 1);
    EXPECT_EQ(Route("a"), model);
  }
  fs::remove(folder_ / "a.xml");
  LoseAndWait();
  EXPECT_EQ(Answer(), 1);
}

TEST_F(ReplaceTest, TheCardOfTheLoadHoldsAfterALoss) {
  Write("a.xml", "1");
  Write("a.toml", "slots = 3\n");
  ASSERT_TRUE(LoadA().ok());
  Write("a.toml", "slots = \n");
  LoseAndWait();
  EXPECT_EQ(Answer(), 1);
  EXPECT_EQ(Route("a")->card.slots, 3);
}

TEST_F(ReplaceTest, WithoutACopyOtherContentsAreRefusedAndSaid) {
  RestartWithoutCopies();
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "2");
  device_->Lose();
  WaitForState("a", "UNAVAILABLE");
  EXPECT_THAT(Listed(), ElementsAre(AllOf(HasSubstr((folder_ / "a.xml").string()), HasSubstr("no copy is kept"))));
  EXPECT_EQ(Route("a"), nullptr);
  EXPECT_TRUE(LoadA().ok());
  EXPECT_EQ(Answer(), 2);
}

TEST_F(ReplaceTest, ADamagedCopyIsNotServed) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "2");
  for (const fs::directory_entry& copy : fs::directory_iterator(folder_ / "kept")) {
    std::ofstream(copy.path() / "model.xml") << "3";
  }
  device_->Lose();
  WaitForState("a", "UNAVAILABLE");
}

TEST_F(ReplaceTest, ATouchedFileIsTheSameAfterALoss) {
  RestartWithoutCopies();
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "1");
  LoseAndWait();
  EXPECT_EQ(Answer(), 1);
}

TEST_F(ReplaceTest, AFailedLoadAfterAnUnloadStaysListedAndIsTriedWhenTheFilesChange) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  ASSERT_TRUE(Unload("a").ok());
  Write("a.xml", "<half");
  EXPECT_FALSE(LoadA().ok());
  EXPECT_THAT(Listed(), ElementsAre(StartsWith("a UNAVAILABLE: it is broken")));
  Write("a.xml", "2");
  WaitForState("a", "READY");
  EXPECT_EQ(Answer(), 2);
  ASSERT_TRUE(Unload("a").ok());
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(ReplaceTest, ALabelsFileThatAppearsEndsAFailure) {
  Write("a.xml", "1");
  Write("a.toml", "labels = \"names.txt\"\n");
  EXPECT_FALSE(LoadA().ok());
  Write("names.txt", "cat\n");
  WaitForState("a", "READY");
}

TEST_F(ReplaceTest, OtherFilesReplaceAModelIfTheCallSaysSo) {
  Write("a.xml", "1");
  Write("other/a.xml", "2");
  ASSERT_TRUE(LoadA().ok());
  LoadRequest request = RequestIn(folder_ / "other");
  EXPECT_EQ(Load(request).code(), absl::StatusCode::kAlreadyExists);
  request.replace = true;
  Write("other/a.xml", "<half");
  EXPECT_FALSE(Load(request).ok());
  EXPECT_EQ(Answer(), 1);
  Write("other/a.xml", "2");
  EXPECT_TRUE(Load(request).ok());
  EXPECT_EQ(Answer(), 2);
  request.replace = false;
  EXPECT_TRUE(Load(request).ok()) << "it is loaded from there";
}

TEST_F(ReplaceTest, CallersOfOneReplacementShareIt) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "2");
  device_->Block("a");
  LoadCompletion first;
  LoadCompletion second;
  BeginLoad(RequestIn(folder_), first);
  BeginLoad(RequestIn(folder_), second);
  device_->Unblock("a");
  EXPECT_TRUE(first.Wait().ok());
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_EQ(Answer(), 2);
  EXPECT_EQ(device_->compiles(), 2);
}

TEST_F(ReplaceTest, WhoComesWhileOldContentsAreReadGetsTheNewOnes) {
  Write("a.xml", "1");
  device_->Block("a");
  LoadCompletion first;
  BeginLoad(RequestIn(folder_), first);
  device_->WaitForCompiles(1);
  Write("a.xml", "<half");
  LoadCompletion second;
  BeginLoad(RequestIn(folder_), second);
  Write("a.xml", "2");
  device_->Unblock("a");
  first.Wait().IgnoreError();  // The answer to the one that read the old contents does not matter.
  EXPECT_TRUE(second.Wait().ok());
  EXPECT_EQ(Answer(), 2);
}

TEST_F(ReplaceTest, AnUnloadEndsTheReplacementToo) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "2");
  device_->Block("a");
  LoadCompletion completion;
  BeginLoad(RequestIn(folder_), completion);
  device_->WaitForCompiles(2);
  ASSERT_TRUE(Unload("a").ok());
  EXPECT_THAT(std::string(Message(completion.Wait())), HasSubstr("was unloaded"));
  device_->Unblock("a");
  device_->WaitForLiveModels(0);
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(ReplaceTest, AReplacementThatLosesTheDeviceIsGivenUpAndTheOldModelComesBack) {
  Write("a.xml", "1");
  ASSERT_TRUE(LoadA().ok());
  Write("a.xml", "2");
  device_->OnCompile([this](const ModelSource& source) {
    const bool bad = ReadFile(source.files.main, 100).value_or("") == "2";
    device_->SetCompileStatus("a", bad ? absl::UnavailableError("X_LINK_ERROR") : absl::OkStatus());
    if (bad) {
      device_->Lose(absl::UnavailableError("X_LINK_ERROR"));
      device_->SetProbeStatus(absl::UnavailableError("X_LINK_ERROR"));
    }
  });
  EXPECT_THAT(std::string(Message(LoadA())), HasSubstr("the device was lost each time"));
  EXPECT_EQ(Answer(), 1);
  WaitForState("a", "READY");
}

TEST_F(ReplaceTest, AModelOverTheBoundIsNotLoaded) {
  ModelManagerOptions options;
  options.loading.max_model_bytes = 3;
  Restart(std::move(options));
  Write("a.xml", "1");
  Write("a.bin", "123");
  EXPECT_THAT(std::string(Message(LoadA())), AllOf(HasSubstr("4 bytes"), HasSubstr("--max-model-bytes allows 3")));
  EXPECT_EQ(device_->compiles(), 0);
}

}  // namespace
}  // namespace accelerd
