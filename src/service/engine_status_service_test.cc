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
  EXPECT_EQ(health.models[0].state, ModelState::kReady) << "acknowledged models stay in the list";
  device_->SetOpenStatus(absl::OkStatus());
}

}  // namespace
}  // namespace accelerd
