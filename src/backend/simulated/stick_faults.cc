#include "backend/simulated/stick_faults.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "fmt/core.h"

namespace accelerd {
namespace {

using enum FaultStage;

constexpr std::array<std::pair<FaultStage, std::string_view>, 5> kStages = {
    {{kNow, "now"}, {kOpen, "open"}, {kLoad, "load"}, {kRun, "run"}, {kProbe, "probe"}}};

constexpr double kMaxFactor = 1e6;

bool IsCrash(FaultKind kind) {
  return kind == FaultKind::kCrash || kind == FaultKind::kScribble;
}

bool IsFor(const Fault& fault, FaultStage stage, std::string_view model) {
  return fault.stage == stage && (fault.model.empty() || fault.model == model);
}

/// Adds the fault's effect. False when one of its kind is there already.
bool Strike(const Fault& fault, FaultEffects& effects) {
  if (effects.Has(fault.kind)) {
    return false;
  }
  effects.kinds.set(static_cast<std::size_t>(fault.kind));
  if (fault.kind == FaultKind::kSlow) {
    effects.slow = fault.factor;
  }
  return true;
}

}  // namespace

std::span<const FaultKindRow> FaultKindTable() {
  static const std::vector<FaultKindRow> kinds = {
      {FaultKind::kUnplug, "unplug", {kNow, kOpen, kLoad, kRun}, "the stick is gone until it is plugged in again"},
      {FaultKind::kReplug, "replug", {kNow}, "the stick is plugged in again"},
      {FaultKind::kCrash, "crash", {kNow, kOpen, kLoad, kRun, kProbe}, "its process dies of SIGSEGV"},
      {FaultKind::kScribble,
       "scribble",
       {kNow, kOpen, kLoad, kRun, kProbe},
       "its process overwrites all memory that it may write, and dies of SIGSEGV"},
      {FaultKind::kHang, "hang", {kRun, kOpen, kLoad, kProbe}, "the call or inference does not end"},
      {FaultKind::kError, "error", {kRun, kOpen, kLoad, kProbe}, "the call or inference fails"},
      {FaultKind::kOutOfMemory, "out-of-memory", {kLoad}, "the model does not fit"},
      {FaultKind::kWrongOutput, "wrong-output", {kRun, kOpen}, "plausible outputs that are wrong"},
      {FaultKind::kSlow, "slow", {kRun, kOpen, kLoad}, "takes --factor times as long"}};
  return kinds;
}

const FaultKindRow& RowOf(FaultKind kind) {
  return FaultKindTable()[static_cast<std::size_t>(kind)];
}

absl::StatusOr<FaultKind> ParseFaultKind(std::string_view name) {
  std::string names;
  for (const FaultKindRow& row : FaultKindTable()) {
    if (row.name == name) {
      return row.kind;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(fmt::format("there is no fault \"{}\"; the faults are {}", name, names));
}

std::string_view FaultStageName(FaultStage stage) {
  return kStages[static_cast<std::size_t>(stage)].second;
}

absl::StatusOr<FaultStage> ParseFaultStage(std::string_view name) {
  for (const auto& [stage, known] : kStages) {
    if (known == name) {
      return stage;
    }
  }
  return absl::InvalidArgumentError(fmt::format("\"{}\" is none of now, open, load, run, probe", name));
}

absl::Status ValidateFault(const Fault& fault) {
  const FaultKindRow& row = RowOf(fault.kind);
  if (std::ranges::find(row.stages, fault.stage) == row.stages.end()) {
    return absl::InvalidArgumentError(
        fmt::format("the fault {} cannot strike at \"{}\"", row.name, FaultStageName(fault.stage)));
  }
  if (!fault.model.empty() && fault.stage != kLoad && fault.stage != kRun) {
    return absl::InvalidArgumentError(
        fmt::format("a fault of one model strikes at load or run, not at \"{}\"", FaultStageName(fault.stage)));
  }
  if (fault.stage == kNow && (fault.count != 1 || fault.after != 0)) {
    return absl::InvalidArgumentError(
        fmt::format("the fault {} strikes once when its time has come: no count, nothing to let pass", row.name));
  }
  if (!std::isfinite(fault.at) || fault.at < 0 || !(fault.factor > 0 && fault.factor <= kMaxFactor)) {
    return absl::InvalidArgumentError(
        fmt::format("the time {} or the factor {} of the fault {} is out of range", fault.at, fault.factor, row.name));
  }
  return absl::OkStatus();
}

FaultEffects TakeFaults(std::vector<Fault>& faults, FaultStage stage, std::string_view model, double now,
                        bool allow_crash) {
  FaultEffects effects;
  std::erase_if(faults, [&](Fault& fault) {
    if (!IsFor(fault, stage, model) || fault.at > now || (IsCrash(fault.kind) && !allow_crash)) {
      return false;
    }
    if (fault.after > 0) {
      --fault.after;
      return false;
    }
    if (!Strike(fault, effects)) {
      return false;
    }
    if (fault.count > 0) {
      --fault.count;
      return fault.count == 0;
    }
    return false;
  });
  return effects;
}

bool HasFaults(std::span<const Fault> faults, FaultStage stage) {
  return std::ranges::any_of(faults, [stage](const Fault& fault) { return fault.stage == stage; });
}

}  // namespace accelerd
