#ifndef ACCELERD_BACKEND_SIMULATED_STICK_FIXTURE_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_FIXTURE_H_

/// \file
/// For tests of what drives a simulated stick.

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "backend/simulated/stick_file.h"
#include "backend/test_directory.h"
#include "gtest/gtest.h"

namespace accelerd {

inline constexpr std::chrono::minutes kForEver(2);

/// A stick without latency in a new folder.
class StickTest : public testing::Test {
 protected:
  StickTest() { Set("latency", "0"); }

  void Edit(const std::function<void(StickState&)>& edit) {
    const absl::StatusOr<StickState> state = StickFile(path_).Update([&](StickState& edited) {
      edit(edited);
      return absl::OkStatus();
    });
    EXPECT_TRUE(state.ok()) << state.status();
  }

  void Set(std::string_view name, std::string_view value) {
    Edit([&](StickState& state) { EXPECT_TRUE(SetStickSetting(state.settings, name, value).ok()); });
  }

  void Add(const Fault& fault) {
    EXPECT_TRUE(ValidateFault(fault).ok());
    Edit([&](StickState& state) { state.faults.push_back(fault); });
  }

  StickState State() { return *StickFile(path_).Read(); }

  const TestDirectory directory_;
  const std::string path_ = directory_ / "stick.json";
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_FIXTURE_H_
