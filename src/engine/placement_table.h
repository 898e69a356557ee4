#ifndef ACCELERD_ENGINE_PLACEMENT_TABLE_H_
#define ACCELERD_ENGINE_PLACEMENT_TABLE_H_

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "engine/job_table.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// A run of a job on a device.
struct Run {
  RunId id{};
  JobRecord* job = nullptr;
  DeviceId device{};
  ModelGeneration model{};
  Duration bound{};        ///< How long it may take.
  Time overdue_at{};       ///< When that is over.
  bool postponed = false;  ///< It was put off once.
  Duration estimate{};     ///< What it was charged when it began.
  Duration charge{};       ///< Set at its end: its part of the time that the device was busy.
  Duration share_at_start{};
  Duration counted{};  ///< How much of its charge is in the accounts already, and until when.
  Time counted_at{};
};

/// The devices of the core: which models they have, what runs on them, and which job each may start next.
class PlacementTable {
 public:
  struct Candidate {
    JobRecord* job = nullptr;
    DeviceId device{};
  };

  /// 0 slots: nothing more starts there; runs go on.
  void SetSlots(DeviceId device, ModelGeneration model, int slots);

  /// Ends the suspicion. On a device that is not READY nothing starts.
  void SetState(DeviceId device, DeviceState state);
  DeviceState StateOf(DeviceId device) const;

  /// READY devices that have the model; whether there is one.
  int DevicesWith(ModelGeneration model) const;
  bool Serves(ModelGeneration model) const { return DevicesWith(model) > 0; }

  /// Whether there are devices, none of which can come back.
  bool AllStuck() const;

  /// While it is paused nothing starts on `device`.
  void SetPaused(DeviceId device, bool paused) { devices_[device].paused = paused; }
  bool Busy(DeviceId device) const;

  /// Nothing starts on `device` before `until` or SetState.
  void Suspect(DeviceId device, Time until);
  void EndSuspicion(Time now);

  /// The prepared job that starts next, and where: on the least busy device that may start one. A job that runs alone
  /// goes first, waits for an empty device and lets nothing else start there meanwhile.
  std::optional<Candidate> NextStart(const JobTable& jobs) const;

  /// REQUIRES: `candidate` is of NextStart.
  RunId Begin(const Candidate& candidate, Time now, Duration bound, Duration estimate);

  /// The run that is overdue for longest; null when none is. Valid until another call. Puts off, once, by a second
  /// what is overdue for longer: the process was stopped, and completions come in first.
  const Run* FirstOverdue(Time now);

  /// Ends a run; unset when it is not current.
  std::optional<Run> End(RunId run, Time now);

  /// What a run that goes on is charged for until now.
  Duration ChargeUntil(const Run& run, Time now);

  template <typename Function>
  void ForEachRun(Function function) {
    std::ranges::for_each(runs_, function);
  }

  /// The runs on `device`, oldest first.
  std::vector<RunId> RunsOn(DeviceId device) const;

  /// The most slots that the model has on a device.
  int SlotsOf(ModelGeneration model) const;

  /// When EndSuspicion has something to do, or the first run will be overdue.
  std::optional<Time> next_wakeup() const;

 private:
  struct Placement {
    int slots = 0;
    int running = 0;
  };
  struct Device {
    DeviceState state = DeviceState::kOpening;
    int running = 0;
    int capacity = 0;    ///< The largest slots of its placements.
    bool alone = false;  ///< What runs there runs alone.
    bool paused = false;
    std::optional<Time> suspect_until;
    /// The time that each of its runs is charged for, summed since the start: elapsed time divided by the runs that
    /// went on then. So the charges of all runs sum to the time the device was busy.
    Duration share{};
    Time share_at{};  ///< When `share` was brought up to date.
    std::map<ModelGeneration, Placement> placements;
  };

  static void BringUpToDate(Device& device, Time now);
  static JobRecord* NextOn(const Device& device, const JobTable& jobs);

  std::map<DeviceId, Device> devices_;
  std::vector<Run> runs_;  ///< By their ids. Few go on at once.
  RunId last_run_{};
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_PLACEMENT_TABLE_H_
