#include "engine/device_keys.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "GPU.1 (AUTO) (GPU)": shared ones in parentheses, after those that are held alone.
std::string Keys(std::string_view device, bool lock_cpu = false) {
  std::string alone;
  std::string shared;
  for (const DeviceKey& key : DeviceKeysOf(device, lock_cpu)) {
    (key.shared ? shared : alone) += key.shared ? " (" + key.name + ")" : " " + key.name;
  }
  return (alone + shared).substr(alone.empty() && shared.empty() ? 0 : 1);
}

/// Whether the owner of one device keeps off who wants the other.
bool Exclude(std::string_view one, std::string_view other) {
  for (const DeviceKey& mine : DeviceKeysOf(one)) {
    for (const DeviceKey& theirs : DeviceKeysOf(other)) {
      if (mine.name == theirs.name && !(mine.shared && theirs.shared)) {
        return true;
      }
    }
  }
  return false;
}

TEST(DeviceKeysTest, ADeviceIsItsNameAndPartOfItsFamily) {
  EXPECT_EQ(Keys("NPU"), "NPU (AUTO)");
  EXPECT_EQ(Keys("GPU.1"), "GPU.1 (AUTO) (GPU)");
  EXPECT_EQ(Keys("GPU.0.1"), "GPU.0.1 (AUTO) (GPU) (GPU.0)");
  EXPECT_EQ(Keys("MYRIAD.1.2-ma2480"), "MYRIAD.1.2-ma2480 (AUTO) (MYRIAD) (MYRIAD.1)");
}

TEST(DeviceKeysTest, AreSortedByNameSoThatAllTakeThemInOneOrder) {
  EXPECT_THAT(DeviceKeysOf("MULTI:NPU,GPU.1"),
              ElementsAre(DeviceKey{"AUTO", true}, DeviceKey{"GPU", true}, DeviceKey{"GPU.1"}, DeviceKey{"NPU"}));
}

TEST(DeviceKeysTest, SeesThroughCombinationsAndProperties) {
  EXPECT_EQ(Keys("BATCH:GPU(8)"), Keys("GPU"));
  EXPECT_EQ(Keys("HETERO:GPU,CPU"), Keys("GPU"));
  EXPECT_EQ(Keys("AUTO:GPU,CPU"), Keys("GPU"));
  EXPECT_EQ(Keys("AUTO:GPU,-CPU"), Keys("GPU"));
  EXPECT_EQ(Keys("MULTI:BATCH:GPU.1(4), CPU(2),GPU.1"), Keys("GPU.1"));
  EXPECT_EQ(Keys("MULTI:GPU,GPU.1"), "GPU GPU.1 (AUTO)") << "alone goes before shared";
}

TEST(DeviceKeysTest, WhatStandsForEveryDeviceIsAlone) {
  for (const std::string_view device : {"AUTO", "MULTI", "HETERO", "AUTO:-CPU", "AUTO:-GPU,-NPU", "AUTO:", "BATCH:AUTO",
                                        "MULTI:CPU,AUTO", "BATCH:AUTO(4)"}) {
    EXPECT_EQ(Keys(device), "AUTO") << device;
  }
  EXPECT_EQ(Keys("MULTI:AUTO,NPU"), "AUTO NPU");
}

TEST(DeviceKeysTest, NamesThatMayMeanOneDeviceExcludeEachOther) {
  EXPECT_TRUE(Exclude("GPU", "GPU"));
  EXPECT_TRUE(Exclude("GPU", "GPU.0"));
  EXPECT_TRUE(Exclude("BATCH:GPU(8)", "GPU.1"));
  EXPECT_TRUE(Exclude("MYRIAD", "MYRIAD.1.2-ma2480"));
  EXPECT_TRUE(Exclude("AUTO", "MYRIAD.1.2-ma2480"));
  EXPECT_TRUE(Exclude("AUTO", "AUTO"));
  EXPECT_TRUE(Exclude("MULTI:GPU.0,NPU", "MULTI:CPU,NPU"));
  EXPECT_FALSE(Exclude("GPU.0", "GPU.1"));
  EXPECT_FALSE(Exclude("GPU", "NPU"));
  EXPECT_FALSE(Exclude("AUTO", "CPU"));
  EXPECT_FALSE(Exclude("AUTO", "SIMULATED:/tmp/stick"));
}

TEST(DeviceKeysTest, TheCpuHasALockForThoseWhoAskForIt) {
  EXPECT_THAT(DeviceKeysOf("CPU"), IsEmpty());
  EXPECT_THAT(DeviceKeysOf("BATCH:CPU(4)"), IsEmpty());
  EXPECT_THAT(DeviceKeysOf(""), IsEmpty());
  EXPECT_EQ(Keys("CPU", /*lock_cpu=*/true), "CPU");
  EXPECT_EQ(Keys("HETERO:GPU,CPU", /*lock_cpu=*/true), "CPU GPU (AUTO)");
  EXPECT_EQ(Keys("AUTO", /*lock_cpu=*/true), "AUTO CPU");
  EXPECT_EQ(Keys("GPU", /*lock_cpu=*/true), Keys("GPU"));
}

TEST(DeviceKeysTest, ASimulatedDeviceIsItsFileWhateverLeadsThere) {
  std::string pattern = testing::TempDir() + "/keys-XXXXXX";
  const std::filesystem::path folder = std::filesystem::canonical(mkdtemp(pattern.data()));
  const std::string stick = "SIMULATED:" + (folder / "a,b.json").string();
  std::filesystem::create_directory_symlink(folder, folder / "folder");
  std::filesystem::create_symlink("a,b.json", folder / "link");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  EXPECT_EQ(Keys(stick), stick);
  EXPECT_EQ(Keys("SIMULATED:a,b.json"), stick) << "also while it is not there";
  std::ofstream(folder / "a,b.json") << "{}";
  EXPECT_EQ(Keys("SIMULATED:./a,b.json"), stick);
  EXPECT_EQ(Keys("SIMULATED:link"), stick);
  EXPECT_EQ(Keys("SIMULATED:" + (folder / "folder/folder/link").string()), stick);
  EXPECT_NE(Keys("SIMULATED:other"), stick);
  std::filesystem::current_path(before);
  std::filesystem::remove_all(folder);
}

TEST(DeviceKeysTest, TellsTheCpuFromWhatMayBeAnything) {
  EXPECT_TRUE(IsCpuAlone("CPU"));
  EXPECT_TRUE(IsCpuAlone("BATCH:CPU(4)"));
  EXPECT_FALSE(IsCpuAlone("AUTO"));
  EXPECT_FALSE(IsCpuAlone("HETERO:GPU,CPU"));
  EXPECT_FALSE(IsCpuAlone(""));
}

}  // namespace
}  // namespace accelerd
