#include "service/engine_model_service.h"

#include "gmock/gmock.h"
#include "service/service_fixture.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EngineModelServiceTest : public ServiceTest {
 protected:
  absl::Status Load(const std::string& directory, const std::string& name) {
    Completion completion;
    service_.Load({}, {directory, name}, completion.done());
    return completion.Wait();
  }

  absl::Status Unload(const std::string& name) {
    Completion completion;
    service_.Unload({}, name, completion.done());
    return completion.Wait();
  }

  EngineModelService service_{ConfinedPaths({folder_}, "--models or --allow-path"), *manager_, pool_};
};

TEST_F(EngineModelServiceTest, LoadsDescribesAndUnloads) {
  EXPECT_EQ(service_.Describe("pixel").status().code(), absl::StatusCode::kNotFound);
  const absl::Status loaded = Load(folder_, "pixel");
  ASSERT_TRUE(loaded.ok()) << loaded;
  ASSERT_EQ(service_.List().size(), 1U);
  EXPECT_EQ(service_.List().front().state, ModelState::kReady);
  const absl::StatusOr<ModelDescription> description = service_.Describe("pixel");
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_THAT(description->image_shape, ElementsAre(1, 3, 2, 2));
  EXPECT_TRUE(Unload("pixel").ok());
  EXPECT_TRUE(Unload("pixel").ok());
  EXPECT_THAT(service_.List(), IsEmpty());
}

TEST_F(EngineModelServiceTest, ShapeOfAModelThatTakesNoImage) {
  device_->SetMakeModel([](const ModelSource&) { return std::make_unique<ThreadedModel>(1, 1, 0); });
  ASSERT_TRUE(Load(folder_, "pixel").ok());
  EXPECT_THAT(service_.Describe("pixel")->image_shape, ElementsAre(1));
}

TEST_F(EngineModelServiceTest, FindsFilesInAllowedFoldersOnly) {
  EXPECT_EQ(Load(folder_, "none").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Load(folder_, "../pixel").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Load(folder_ + "/pixel.xml", "pixel").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Load("/etc", "pixel").code(), absl::StatusCode::kPermissionDenied);
  // A link leads out of the folder, be it the weights alone.
  for (const char* extension : {".xml", ".bin", ".toml"}) {
    const std::string name = std::string("linked") + (extension + 1);
    Write(name + ".xml", "");
    std::filesystem::remove(folder_ + "/" + name + extension);
    std::filesystem::create_symlink("/etc/passwd", folder_ + "/" + name + extension);
    EXPECT_EQ(Load(folder_, name).code(), absl::StatusCode::kPermissionDenied) << extension;
  }
  EXPECT_EQ(device_->compiles(), 0);
}

TEST_F(EngineModelServiceTest, WhatPermittedTheFilesConfinesTheirReading) {
  ModelFiles files;
  device_->OnCompile([&](const ModelSource& source) { files = source.files; });
  ASSERT_TRUE(Load(folder_, "pixel").ok());
  EXPECT_EQ(files.root, folder_);
  ASSERT_TRUE(Unload("pixel").ok());
  EngineModelService open{ConfinedPaths({folder_, "/"}, "--allow-path"), *manager_, pool_};
  Completion completion;
  open.Load({}, {folder_, "pixel"}, completion.done());
  ASSERT_TRUE(completion.Wait().ok());
  EXPECT_EQ(files.root, "");
}

TEST_F(EngineModelServiceTest, AnAllowedFolderMayBeALink) {
  const std::string link = folder_ + "-link";
  std::filesystem::create_symlink(folder_, link);
  EngineModelService linked{ConfinedPaths({link}, "--allow-path"), *manager_, pool_};
  Completion completion;
  linked.Load({}, {link, "pixel"}, completion.done());
  const absl::Status loaded = completion.Wait();
  EXPECT_TRUE(loaded.ok()) << loaded;
  std::filesystem::remove(link);
}

TEST_F(EngineModelServiceTest, ACardThatContradictsTheModelFailsTheLoad) {
  Write("pixel.toml", "input_size = [64, 48]\n");
  const absl::Status status = Load(folder_, "pixel");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("pixel.toml"));
  ASSERT_EQ(service_.List().size(), 1U);
  EXPECT_EQ(service_.List().front().state, ModelState::kUnavailable);
  EXPECT_THAT(service_.List().front().reason, HasSubstr("pixel.toml"));
}

TEST_F(EngineModelServiceTest, ACallDuringALoadSaysThatTheDeviceIsAway) {
  while (manager_->device().state != DeviceState::kReady) {
    std::this_thread::yield();
  }
  device_->SetOpenStatus(absl::UnavailableError("no such stick"));
  device_->Lose();
  device_->WaitForOpenFailures(2);
  Completion completion;
  service_.Load({}, {folder_, "pixel"}, completion.done());
  while (service_.List().empty()) {
    std::this_thread::yield();
  }
  const absl::Status status = service_.Describe("pixel").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("the device is lost: no such stick"));
  EXPECT_TRUE(RetryAfter(status));
  device_->SetOpenStatus(absl::OkStatus());
  EXPECT_TRUE(completion.Wait().ok());
}

TEST_F(EngineModelServiceTest, OneClientHasItsShareOfModels) {
  ModelManagerOptions options;
  options.limits.max_client_models = 1;
  manager_.reset();
  manager_ = MakeManager(device_, scheduler_, std::move(options));
  EngineModelService service{ConfinedPaths({folder_}, "--models"), *manager_, pool_};
  Write("other.xml", "");
  const auto load = [&](const std::string& client, const std::string& name) {
    Completion completion;
    service.Load({.client = {.group = client}, .cancellation = nullptr}, {folder_, name}, completion.done());
    return completion.Wait();
  };
  EXPECT_TRUE(load("x", "pixel").ok());
  EXPECT_TRUE(IsClientLimit(load("x", "other")));
  EXPECT_TRUE(load("y", "other").ok());
}

TEST_F(EngineModelServiceTest, ACallerThatLeavesLetsTheLoadGoOn) {
  device_->Block("pixel");
  const auto cancellation = std::make_shared<Cancellation>();
  Completion left;
  service_.Load({.client = {.group = "test"}, .deadline = Time::max(), .cancellation = cancellation},
                {folder_, "pixel"}, left.done());
  device_->WaitForCompiles(1);
  const absl::Status loading = service_.Describe("pixel").status();
  EXPECT_EQ(loading.code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(RetryAfter(loading));
  cancellation->Cancel();
  EXPECT_EQ(left.Wait().code(), absl::StatusCode::kCancelled);
  device_->Unblock("pixel");
  EXPECT_TRUE(Load(folder_, "pixel").ok());
}

TEST_F(EngineModelServiceTest, RefusesLoadsWhenStopped) {
  service_.Stop();
  EXPECT_EQ(Load(folder_, "pixel").code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(service_.List(), IsEmpty());
}

}  // namespace
}  // namespace accelerd
