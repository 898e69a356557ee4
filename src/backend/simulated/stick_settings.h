#ifndef ACCELERD_BACKEND_SIMULATED_STICK_SETTINGS_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_SETTINGS_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backend/simulated/latency.h"

namespace accelerd {

/// How a simulated stick behaves when nothing is wrong with it.
struct StickSettings {
  StickSettings();

  Latency latency;                   ///< Of one inference. Default: 10 ms.
  int slots = 4;                     ///< Inferences that run at once, 1 to 64; more wait on the stick.
  Duration open_time{};              ///< Of opening the stick.
  Duration load_time{};              ///< Of loading a model.
  std::uint64_t model_memory = 0;    ///< Bytes that each model takes.
  std::uint64_t device_memory = 0;   ///< Bytes that the stick has for models; 0: no bound.
  bool allow_process_crash = false;  ///< The faults crash and scribble may kill the process that opened the stick.
};

/// A setting as text.
struct StickSetting {
  std::string_view name;
  std::string_view help;
  std::string (*get)(const StickSettings& settings);
  absl::Status (*set)(StickSettings& settings, std::string_view value);  ///< kInvalidArgument says what it takes.
};

/// Every setting; the state file, `accelerd simulate FILE set` and its output are made from this list.
std::span<const StickSetting> StickSettingTable();

/// Sets `name`. kInvalidArgument: no such setting, or not a value for it; the message names both.
absl::Status SetStickSetting(StickSettings& settings, std::string_view name, std::string_view value);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_SETTINGS_H_
