#include "backend/simulated/stick_state.h"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <utility>

#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::ordered_json;

absl::Status WrongValue(std::string_view key, const Json& value) {
  return absl::InvalidArgumentError(fmt::format("\"{}\" has the value {}, which is of the wrong kind", key,
                                                value.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

absl::Status UnknownKey(std::string_view key) {
  return absl::InvalidArgumentError(fmt::format("there is no key \"{}\"", key));
}

absl::Status Read(std::string_view key, const Json& value, bool& into) {
  if (!value.is_boolean()) {
    return WrongValue(key, value);
  }
  into = value.get<bool>();
  return absl::OkStatus();
}

absl::Status Read(std::string_view key, const Json& value, std::string& into) {
  if (!value.is_string()) {
    return WrongValue(key, value);
  }
  into = value.get<std::string>();
  return absl::OkStatus();
}

absl::Status Read(std::string_view key, const Json& value, double& into) {
  if (!value.is_number()) {
    return WrongValue(key, value);
  }
  into = value.get<double>();
  return absl::OkStatus();
}

template <typename Integer>
  requires std::integral<Integer>
absl::Status Read(std::string_view key, const Json& value, Integer& into) {
  if (!value.is_number_unsigned() || !std::in_range<Integer>(value.get<std::uint64_t>())) {
    return WrongValue(key, value);
  }
  into = static_cast<Integer>(value.get<std::uint64_t>());
  return absl::OkStatus();
}

/// Calls `read(key, value)` for each entry of an object.
template <typename F>
absl::Status ForEachEntry(std::string_view what, const Json& object, F read) {
  if (!object.is_object()) {
    return WrongValue(what, object);
  }
  for (const auto& [key, value] : object.items()) {
    ACCELERD_RETURN_IF_ERROR(read(key, value));
  }
  return absl::OkStatus();
}

absl::Status ReadSettings(const Json& object, StickSettings& settings) {
  return ForEachEntry("settings", object, [&](const std::string& key, const Json& value) {
    return SetStickSetting(settings, key, value.is_string() ? value.get<std::string>() : value.dump());
  });
}

absl::Status ReadCounters(const Json& object, StickCounters& counters) {
  return ForEachEntry("counters", object, [&](const std::string& key, const Json& value) {
    for (const auto& [name, counter] :
         {std::pair{"opens", &counters.opens}, std::pair{"loads", &counters.loads}, std::pair{"runs", &counters.runs},
          std::pair{"unplugs", &counters.unplugs}, std::pair{"faults", &counters.faults}}) {
      if (key == name) {
        return Read(key, value, *counter);
      }
    }
    return UnknownKey(key);
  });
}

absl::Status ReadFaultEntry(const std::string& key, const Json& value, Fault& fault) {
  std::string name;
  if (key == "kind") {
    ACCELERD_RETURN_IF_ERROR(Read(key, value, name));
    ACCELERD_ASSIGN_OR_RETURN(fault.kind, ParseFaultKind(name));
    return absl::OkStatus();
  }
  if (key == "during") {
    ACCELERD_RETURN_IF_ERROR(Read(key, value, name));
    ACCELERD_ASSIGN_OR_RETURN(fault.stage, ParseFaultStage(name));
    return absl::OkStatus();
  }
  return key == "model"    ? Read(key, value, fault.model)
         : key == "after"  ? Read(key, value, fault.after)
         : key == "at"     ? Read(key, value, fault.at)
         : key == "count"  ? Read(key, value, fault.count)
         : key == "factor" ? Read(key, value, fault.factor)
                           : UnknownKey(key);
}

absl::Status ReadFaults(const Json& array, std::vector<Fault>& faults) {
  if (!array.is_array()) {
    return WrongValue("faults", array);
  }
  for (const Json& object : array) {
    if (!object.is_object() || !object.contains("kind") || !object.contains("during")) {
      return absl::InvalidArgumentError("a fault is an object with at least \"kind\" and \"during\"");
    }
    Fault fault;
    ACCELERD_RETURN_IF_ERROR(ForEachEntry("faults", object, [&](const std::string& key, const Json& value) {
      return ReadFaultEntry(key, value, fault);
    }));
    ACCELERD_RETURN_IF_ERROR(ValidateFault(fault));
    faults.push_back(std::move(fault));
  }
  return absl::OkStatus();
}

/// Texts that are numbers or booleans go into the file as such.
Json SettingToJson(const std::string& text) {
  const Json value = ParseJson<Json>(text).value_or(Json());
  return value.is_number() || value.is_boolean() ? value : Json(text);
}

Json FaultToJson(const Fault& fault) {
  Json json = {{"kind", RowOf(fault.kind).name}, {"during", FaultStageName(fault.stage)}};
  if (!fault.model.empty()) {
    json["model"] = fault.model;
  }
  if (fault.after > 0) {
    json["after"] = fault.after;
  }
  if (fault.at > 0) {
    json["at"] = fault.at;
  }
  json["count"] = fault.count;
  if (fault.kind == FaultKind::kSlow) {
    json["factor"] = fault.factor;
  }
  return json;
}

}  // namespace

absl::StatusOr<StickState> ParseStickState(std::string_view text) {
  ACCELERD_ASSIGN_OR_RETURN(const Json json, ParseJson<Json>(text));
  StickState state;
  ACCELERD_RETURN_IF_ERROR(ForEachEntry("state", json, [&](const std::string& key, const Json& value) {
    return key == "present"    ? Read(key, value, state.present)
           : key == "owner"    ? Read(key, value, state.owner)
           : key == "settings" ? ReadSettings(value, state.settings)
           : key == "faults"   ? ReadFaults(value, state.faults)
           : key == "counters" ? ReadCounters(value, state.counters)
                               : UnknownKey(key);
  }));
  return state;
}

std::string StickStateToJson(const StickState& state) {
  Json settings = Json::object();
  for (const StickSetting& setting : StickSettingTable()) {
    settings[std::string(setting.name)] = SettingToJson(setting.get(state.settings));
  }
  Json faults = Json::array();
  for (const Fault& fault : state.faults) {
    faults.push_back(FaultToJson(fault));
  }
  const StickCounters& counters = state.counters;
  const Json json = {{"present", state.present},
                     {"owner", state.owner},
                     {"settings", std::move(settings)},
                     {"faults", std::move(faults)},
                     {"counters",
                      {{"opens", counters.opens},
                       {"loads", counters.loads},
                       {"runs", counters.runs},
                       {"unplugs", counters.unplugs},
                       {"faults", counters.faults}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

double WallClockSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void Plug(StickState& state, bool present) {
  if (state.present && !present) {
    ++state.counters.unplugs;
  }
  state.present = present;
}

bool ApplySchedule(StickState& state, double now) {
  std::vector<Fault> due;
  std::erase_if(state.faults, [&](const Fault& fault) {
    const bool plugs = fault.kind == FaultKind::kUnplug || fault.kind == FaultKind::kReplug;
    if (!plugs || fault.stage != FaultStage::kNow || fault.at > now) {
      return false;
    }
    due.push_back(fault);
    return true;
  });
  std::ranges::stable_sort(due, {}, &Fault::at);
  for (const Fault& fault : due) {
    Plug(state, fault.kind == FaultKind::kReplug);
    ++state.counters.faults;
  }
  return !due.empty();
}

FaultEffects StrikeStick(StickState& state, FaultStage stage, std::string_view model, double now) {
  const FaultEffects effects = TakeFaults(state.faults, stage, model, now, state.settings.allow_process_crash);
  state.counters.faults += effects.kinds.count();
  if (effects.Has(FaultKind::kUnplug)) {
    Plug(state, false);
  }
  return effects;
}

}  // namespace accelerd
