#include "engine/placement_table.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace accelerd {
namespace {

constexpr std::chrono::seconds kLate{1};

}  // namespace

void PlacementTable::SetSlots(DeviceId device, ModelGeneration model, int slots) {
  Device& there = devices_[device];
  Placement& placement = there.placements[model];
  placement.slots = slots;
  if (slots == 0 && placement.running == 0) {
    there.placements.erase(model);
  }
  there.capacity = 0;
  for (const auto& [generation, other] : there.placements) {
    there.capacity = std::max(there.capacity, other.slots);
  }
}

void PlacementTable::SetState(DeviceId device, DeviceState state) {
  Device& there = devices_[device];
  there.state = state;
  there.suspect_until.reset();
}

DeviceState PlacementTable::StateOf(DeviceId device) const {
  const auto there = devices_.find(device);
  return there == devices_.end() ? DeviceState::kOpening : there->second.state;
}

bool PlacementTable::Busy(DeviceId device) const {
  const auto there = devices_.find(device);
  return there != devices_.end() && there->second.running > 0;
}

bool PlacementTable::AllStuck() const {
  return !devices_.empty() &&
         std::ranges::all_of(devices_, [](const auto& entry) { return entry.second.state == DeviceState::kStuck; });
}

void PlacementTable::Suspect(DeviceId device, Time until) {
  devices_[device].suspect_until = until;
}

void PlacementTable::EndSuspicion(Time now) {
  for (auto& [id, device] : devices_) {
    if (device.suspect_until && *device.suspect_until <= now) {
      device.suspect_until.reset();
    }
  }
}

std::optional<PlacementTable::Candidate> PlacementTable::NextStart(const JobTable& jobs) const {
  std::optional<Candidate> best;
  int best_running = 0;
  for (const auto& [id, device] : devices_) {
    if (best && device.running >= best_running) {
      continue;
    }
    if (JobRecord* const job = NextOn(device, jobs)) {
      best = Candidate{job, id};
      best_running = device.running;
    }
  }
  return best;
}

JobRecord* PlacementTable::NextOn(const Device& device, const JobTable& jobs) {
  if (device.state != DeviceState::kReady || device.alone || device.paused || device.suspect_until ||
      device.running >= device.capacity) {
    return nullptr;
  }
  JobRecord* alone = nullptr;
  for (const auto& [model, placement] : device.placements) {
    JobRecord* const job = placement.slots == 0 ? nullptr : jobs.NextToRunAlone(model);
    if (job != nullptr && (alone == nullptr || job->order < alone->order)) {
      alone = job;
    }
  }
  if (alone != nullptr) {
    return device.running > 0 ? nullptr : alone;
  }
  return jobs.NextToStart([&device](ModelGeneration model) {
    const auto placement = device.placements.find(model);
    return placement != device.placements.end() && placement->second.running < placement->second.slots;
  });
}

void PlacementTable::BringUpToDate(Device& device, Time now) {
  if (device.running > 0) {
    device.share += (now - device.share_at) / device.running;
  }
  device.share_at = now;
}

RunId PlacementTable::Begin(const Candidate& candidate, Time now, Duration bound, Duration estimate) {
  Device& device = devices_[candidate.device];
  BringUpToDate(device, now);
  device.running++;
  device.placements[candidate.job->info.model].running++;
  device.alone = candidate.job->faults > 0;
  last_run_ = static_cast<RunId>(static_cast<std::uint64_t>(last_run_) + 1);
  runs_.push_back({.id = last_run_,
                   .job = candidate.job,
                   .device = candidate.device,
                   .model = candidate.job->info.model,
                   .bound = bound,
                   .overdue_at = now + bound,
                   .estimate = estimate,
                   .share_at_start = device.share,
                   .counted_at = now});
  return last_run_;
}

const Run* PlacementTable::FirstOverdue(Time now) {
  for (Run& run : runs_) {
    if (now - run.overdue_at > kLate && !run.postponed) {
      run.overdue_at = now + kLate;
      run.postponed = true;
    }
  }
  const auto first = std::ranges::min_element(runs_, {}, &Run::overdue_at);
  return first == runs_.end() || first->overdue_at > now ? nullptr : &*first;
}

std::optional<Run> PlacementTable::End(RunId run, Time now) {
  const auto found = std::ranges::find(runs_, run, &Run::id);
  if (found == runs_.end()) {
    return std::nullopt;
  }
  Run ended = *found;
  runs_.erase(found);
  Device& device = devices_[ended.device];
  BringUpToDate(device, now);
  ended.charge = device.share - ended.share_at_start;
  device.running--;
  device.alone = false;
  const auto placement = device.placements.find(ended.model);
  placement->second.running--;
  if (placement->second.slots == 0 && placement->second.running == 0) {
    device.placements.erase(placement);
  }
  return ended;
}

Duration PlacementTable::ChargeUntil(const Run& run, Time now) {
  Device& device = devices_[run.device];
  BringUpToDate(device, now);
  return device.share - run.share_at_start;
}

std::vector<RunId> PlacementTable::RunsOn(DeviceId device) const {
  std::vector<RunId> runs;
  for (const Run& run : runs_) {
    if (run.device == device) {
      runs.push_back(run.id);
    }
  }
  return runs;
}

int PlacementTable::DevicesWith(ModelGeneration model) const {
  return static_cast<int>(std::ranges::count_if(devices_, [model](const auto& entry) {
    const Device& device = entry.second;
    const auto placement = device.placements.find(model);
    return device.state == DeviceState::kReady && placement != device.placements.end() && placement->second.slots > 0;
  }));
}

int PlacementTable::SlotsOf(ModelGeneration model) const {
  int slots = 0;
  for (const auto& [id, device] : devices_) {
    const auto placement = device.placements.find(model);
    slots = std::max(slots, placement == device.placements.end() ? 0 : placement->second.slots);
  }
  return slots;
}

std::optional<Time> PlacementTable::next_wakeup() const {
  Time first = Time::max();
  for (const auto& [id, device] : devices_) {
    first = std::min(first, device.suspect_until.value_or(Time::max()));
  }
  for (const Run& run : runs_) {
    first = std::min(first, run.overdue_at);
  }
  return first == Time::max() ? std::nullopt : std::optional(first);
}

}  // namespace accelerd
