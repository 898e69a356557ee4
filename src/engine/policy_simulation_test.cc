#include <chrono>
#include <string>

#include "engine/policy_world.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using Weeks = std::chrono::duration<int, std::ratio<7 * 24 * 3600>>;

const std::string kSound[] = {"sound", "sound too", "sound three"};

void LoadAll(PolicyWorld& world, bool pinned) {
  for (const std::string& name : kSound) {
    world.Load(name, pinned);
  }
  for (const std::string name : {"touchy", "broken", "poison"}) {
    world.Load(name, pinned);
  }
}

/// What holds whatever happens: restarts are bounded by what struck and by the backoff, and what is kept is bounded.
void ExpectBounds(PolicyWorld& world) {
  world.Close();
  EXPECT_LE(world.tally().opens, world.tally().losses + 1);
  EXPECT_EQ(world.device().restarts, world.tally().losses);
  EXPECT_LE(world.tally().failed_opens,
            world.tally().losses + 12 * world.tally().absences + world.tally().absent / std::chrono::seconds(60));
  EXPECT_LT(world.device().last_error.size(), 1000U);
}

TEST(PolicySimulationTest, EverythingGoesWrongForWeeks) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    PolicyWorld world(seed, {.weights = {2, 2, 1, 1, 1, 2, 3, 1, 1}});
    LoadAll(world, seed % 2 == 1);
    world.Run(Weeks(16));
    EXPECT_GT(world.tally().events, 1'000'000U);
    EXPECT_GT(world.tally().losses, 10'000);
    EXPECT_GT(world.tally().quiet_checks, 1000);
    EXPECT_LE(world.tally().crashed_loads["poison"], 2 * world.tally().starts["poison"]);
    EXPECT_GT(world.tally().times_unavailable["touchy"], 10);
    EXPECT_GT(world.tally().replacements, 1000);
    ExpectBounds(world);
  }
}

TEST(PolicySimulationTest, ADeviceThatComesAndGoesIsNoModelsFault) {
  PolicyWorld world(1, {.weights = {1}});
  for (const std::string& name : kSound) {
    world.Load(name);
  }
  world.Run(Weeks(8));
  EXPECT_GT(world.tally().absences, 1000);
  for (const std::string& name : kSound) {
    EXPECT_EQ(world.tally().times_unavailable[name], 0);
  }
  ExpectBounds(world);
}

TEST(PolicySimulationTest, NorIsOneThatComputesNonsenseNowAndThen) {
  PolicyWorld world(1, {.weights = {0, 0, 0, 0, 1}});
  for (const std::string& name : kSound) {
    world.Load(name);
  }
  world.Run(Weeks(8));
  EXPECT_GT(world.tally().losses, 10'000);
  for (const std::string& name : kSound) {
    // Three loads in a row can meet a device that lies only by chance.
    EXPECT_LE(world.tally().times_unavailable[name], 1);
  }
  ExpectBounds(world);
}

TEST(PolicySimulationTest, AModelThatTakesTheDeviceDownDoesSoTwice) {
  PolicyWorld world(1, {.mean = Weeks(100)});
  LoadAll(world, /*pinned=*/true);
  world.Run(Weeks(8));
  EXPECT_EQ(world.tally().losses, 2);
  EXPECT_EQ(world.tally().times_unavailable["poison"], 1);
  EXPECT_EQ(world.tally().times_unavailable["broken"], 1);
  EXPECT_EQ(world.tally().times_unavailable["sound"] + world.tally().times_unavailable["touchy"], 0);
  ExpectBounds(world);
}

}  // namespace
}  // namespace accelerd
