#include "backend/simulated/stick_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::uint64_t kMaxSlots = 64;

absl::StatusOr<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is not a whole number from {} to {}", text, least, most));
  }
  return number;
}

absl::StatusOr<std::uint64_t> ParseBytes(std::string_view text) {
  return ParseNumber(text, 0, std::numeric_limits<std::int64_t>::max());
}

absl::StatusOr<bool> ParseBool(std::string_view text) {
  if (text != "true" && text != "false") {
    return absl::InvalidArgumentError(fmt::format("\"{}\" is neither true nor false", text));
  }
  return text == "true";
}

/// Assigns a parsed value, or hands its error on.
template <typename T, typename Field>
absl::Status Assign(absl::StatusOr<T> value, Field& field) {
  ACCELERD_RETURN_IF_ERROR(value.status());
  field = static_cast<Field>(*std::move(value));
  return absl::OkStatus();
}

constexpr std::array<StickSetting, 7> kSettings = {{
    {"latency", "of one inference: 5ms, uniform:4ms,6ms, normal:10ms,2ms, exponential:10ms, 0",
     [](const StickSettings& settings) { return settings.latency.ToString(); },
     [](StickSettings& settings, std::string_view value) { return Assign(Latency::Parse(value), settings.latency); }},
    {"slots", "inferences that run at once, 1 to 64",
     [](const StickSettings& settings) { return std::to_string(settings.slots); },
     [](StickSettings& settings, std::string_view value) {
       return Assign(ParseNumber(value, 1, kMaxSlots), settings.slots);
     }},
    {"open_time", "of opening the stick: 200ms",
     [](const StickSettings& settings) { return DurationToString(settings.open_time); },
     [](StickSettings& settings, std::string_view value) {
       return Assign(ParseSimulatedDuration(value), settings.open_time);
     }},
    {"load_time", "of loading a model: 1.5s",
     [](const StickSettings& settings) { return DurationToString(settings.load_time); },
     [](StickSettings& settings, std::string_view value) {
       return Assign(ParseSimulatedDuration(value), settings.load_time);
     }},
    {"model_memory", "bytes that each model takes",
     [](const StickSettings& settings) { return std::to_string(settings.model_memory); },
     [](StickSettings& settings, std::string_view value) { return Assign(ParseBytes(value), settings.model_memory); }},
    {"device_memory", "bytes that the stick has for models; 0: no bound",
     [](const StickSettings& settings) { return std::to_string(settings.device_memory); },
     [](StickSettings& settings, std::string_view value) { return Assign(ParseBytes(value), settings.device_memory); }},
    {"allow_process_crash", "true: the faults crash and scribble may kill the process that opened the stick",
     [](const StickSettings& settings) { return std::string(settings.allow_process_crash ? "true" : "false"); },
     [](StickSettings& settings, std::string_view value) {
       return Assign(ParseBool(value), settings.allow_process_crash);
     }},
}};

}  // namespace

StickSettings::StickSettings() : latency(*Latency::Parse("10ms")) {}

std::span<const StickSetting> StickSettingTable() {
  return kSettings;
}

absl::Status SetStickSetting(StickSettings& settings, std::string_view name, std::string_view value) {
  const auto* setting = std::ranges::find(kSettings, name, &StickSetting::name);
  if (setting == kSettings.end()) {
    std::string names;
    for (const StickSetting& known : kSettings) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
    }
    return absl::InvalidArgumentError(fmt::format("there is no setting \"{}\"; the settings are {}", name, names));
  }
  return Annotate(setting->set(settings, value), name);
}

}  // namespace accelerd
