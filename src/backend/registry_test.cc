#include "backend/registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Registry, RefusesWhatIsNoDevice) {
  for (const char* device : {"", "cpu", "../CPU", "CPU GPU"}) {
    const absl::Status status = CreateBackend({device, ""}, [](const absl::Status&) {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(Message(status), HasSubstr("such as CPU"));
  }
}

TEST(Registry, AnAbsentDeviceDoesNotOpen) {
  const absl::StatusOr<std::unique_ptr<Backend>> backend = CreateBackend({"XPU", ""}, [](const absl::Status&) {});
  ASSERT_TRUE(backend.ok());
  const absl::Status status = (*backend)->Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr("XPU"));
  EXPECT_THAT(Message(status), HasSubstr("finds: CPU"));
  EXPECT_EQ((*backend)->Probe().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ((*backend)->Compile({}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Registry, ChecksTheKindsOfDevices) {
  for (const char* device : {"CPU", "AUTO", "AUTO:CPU", "BATCH:CPU(4)", "MULTI:CPU,-CPU", "SIMULATED:/absent"}) {
    EXPECT_TRUE(CheckDevice(device).ok()) << device;
  }
  EXPECT_EQ(CheckDevice("cpu").code(), absl::StatusCode::kInvalidArgument);
  for (const char* device : {"XPU", "XPU.1", "AUTO:XPU,CPU", "BATCH:XPU(4)"}) {
    const absl::Status status = CheckDevice(device);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(Message(status), HasSubstr("\"XPU"));
  }
}

TEST(Registry, SaysWhichNamesThereAre) {
  for (const char* device :
       {"usb", "/dev/apex_0", "MYRIAD", "CPU,GPU", "CPU:GPU", "BATCH", "BATCH:", "SIMULATED:", "AUTO:usb"}) {
    const absl::Status status = CheckDeviceName(device);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(Message(status), HasSubstr("devices are CPU, GPU, NPU, AUTO, BATCH, HETERO, MULTI")) << device;
    EXPECT_THAT(Message(status), HasSubstr("SIMULATED:FILE")) << device;
  }
  EXPECT_THAT(Message(CheckDeviceName("Cpu")), HasSubstr("did you mean CPU?"));
  EXPECT_THAT(Message(CheckDeviceName("auto:gpu,cpu")), HasSubstr("did you mean AUTO:GPU,CPU?"));
}

TEST(Registry, ADeviceThatMayComeIsADevice) {
  for (const char* device :
       {"GPU", "GPU.1", "NPU", "AUTO", "AUTO:GPU.1,-CPU", "HETERO:GPU,CPU", "MULTI:BATCH:GPU(4),CPU", "BATCH:GPU",
        "BATCH:GPU.0(8)", "HETERO", "SIMULATED:/absent/file", "SIMULATED:usb"}) {
    EXPECT_TRUE(CheckDeviceName(device).ok()) << device << ": " << CheckDeviceName(device);
  }
}

TEST(Registry, ListsDevicesAndRuntimes) {
  EXPECT_THAT(*ListDevices(), Contains(Field(&DeviceDescription::name, "CPU")));
  EXPECT_THAT(RuntimeVersions(), ElementsAre(StartsWith("OpenVINO 202")));
}

}  // namespace
}  // namespace accelerd
