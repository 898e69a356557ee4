#include "service/engine_status_service.h"

#include "gmock/gmock.h"
#include "service/service_fixture.h"

namespace accelerd {
namespace {

using testing::HasSubstr;

class EngineStatusServiceTest : public ServiceTest {
 protected:
  EngineStatusService service_{*manager_};
};

TEST_F(EngineStatusServiceTest, IsReadyWithTheDeviceAndItsModels) {
  ASSERT_TRUE(LoadPixel().ok());
  const Health health = service_.GetHealth();
  EXPECT_TRUE(health.ready);
  EXPECT_EQ(health.reason, "");
  ASSERT_EQ(health.devices.size(), 1);
  EXPECT_EQ(health.devices[0].state, "READY");
  EXPECT_EQ(health.devices[0].restarts, 0);
  ASSERT_EQ(health.models.size(), 1);
  EXPECT_EQ(health.models[0].state, ModelState::kReady);
}

TEST_F(EngineStatusServiceTest, IsReadyWhenEveryModelOfTheConfigurationServes) {
  const EngineStatusService device_alone(*manager_, ReadyWhen::kDevice);
  device_->SetCompileStatus("pixel", absl::InvalidArgumentError("it is broken"));
  EXPECT_FALSE(LoadPixel(/*pinned=*/true).ok());
  const Health failed = service_.GetHealth();
  EXPECT_FALSE(failed.ready);
  EXPECT_EQ(failed.reason, "1 of 1 model does not serve: pixel is UNAVAILABLE (it is broken)");
  ASSERT_EQ(failed.waiting_for.size(), 1);
  EXPECT_EQ(failed.waiting_for[0].name, "pixel");
  EXPECT_TRUE(device_alone.GetHealth().ready);
  Completion unloaded;
  manager_->Unload("pixel", unloaded.done());
  EXPECT_TRUE(unloaded.Wait().ok());
  EXPECT_TRUE(service_.GetHealth().ready) << "what a client unloaded is not waited for";
  EXPECT_FALSE(LoadPixel().ok());
  EXPECT_FALSE(service_.GetHealth().ready) << "it is the configuration's, whoever loads it again";
  device_->SetCompileStatus("pixel", absl::OkStatus());
  EXPECT_TRUE(LoadPixel().ok());
  EXPECT_TRUE(service_.GetHealth().ready);
}

TEST_F(EngineStatusServiceTest, ModelsOfClientsAreNotWaitedFor) {
  device_->SetCompileStatus("pixel", absl::InvalidArgumentError("it is broken"));
  EXPECT_FALSE(LoadPixel().ok());
  const Health health = service_.GetHealth();
  EXPECT_TRUE(health.ready);
  EXPECT_EQ(health.models.at(0).state, ModelState::kUnavailable);
}

TEST_F(EngineStatusServiceTest, IsNotReadyWhenItStops) {
  ASSERT_TRUE(LoadPixel().ok());
  service_.Stop();
  const Health health = service_.GetHealth();
  EXPECT_FALSE(health.ready);
  EXPECT_EQ(health.reason, "the service is shutting down");
}

TEST_F(EngineStatusServiceTest, SaysWhyTheDeviceIsNotThere) {
  ASSERT_TRUE(LoadPixel().ok());
  device_->SetOpenStatus(absl::UnavailableError("no such stick"));
  device_->Lose();
  device_->WaitForOpens(4);
  const Health health = service_.GetHealth();
  EXPECT_FALSE(health.ready);
  EXPECT_THAT(health.reason, HasSubstr("is LOST: no such stick"));
  EXPECT_EQ(health.devices[0].last_error, "no such stick");
  EXPECT_EQ(health.devices[0].restarts, 1);
  EXPECT_EQ(health.models[0].state, ModelState::kLoading);
  EXPECT_EQ(health.models[0].reason, "the device is lost: no such stick");
  EXPECT_TRUE(health.models[0].loaded) << "acknowledged models stay in the list";
  device_->SetOpenStatus(absl::OkStatus());
}

}  // namespace
}  // namespace accelerd
