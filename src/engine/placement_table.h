#ifndef ACCELERD_ENGINE_PLACEMENT_TABLE_H_
#define ACCELERD_ENGINE_PLACEMENT_TABLE_H_

#include <map>
#include <optional>
#include <vector>

#include "engine/job_table.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// A run of a job on a device.
struct Run {
  JobRecord* job = nullptr;
  DeviceId device{};
  ModelGeneration model{};
  Duration bound{};        ///< How long it may take.
  Time overdue_at{};       ///< When that is over.
  bool postponed = false;  ///< It was put off once.
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

  /// Whether some READY device has the model.
  bool Serves(ModelGeneration model) const;

  /// Whether there are devices, none of which can come back.
  bool AllStuck() const;

  /// While it is paused nothing starts on `device`.
  void SetPaused(DeviceId device, bool paused) { devices_[device].paused = paused; }
  bool Busy(DeviceId device) const;

  /// Nothing starts on `device` before `until` or SetState.
  void Suspect(DeviceId device, Time until);
  void EndSuspicion(Time now);

  /// The earliest prepared job that may start now, and where: on the least busy device that has a free slot for it. A
  /// job that runs alone waits for an empty device and lets nothing later start there meanwhile.
  std::optional<Candidate> NextStart(const JobTable& jobs) const;

  /// REQUIRES: `candidate` is of NextStart.
  RunId Begin(const Candidate& candidate, Time now, Duration bound);

  /// The run that is overdue for longest; null when none is. Valid until another call.
  Run* FirstOverdue(Time now);
  void Postpone(Run& run, Time until);

  /// Ends a run; unset when it is not current.
  std::optional<Run> End(RunId run);

  /// The runs on `device`, oldest first.
  std::vector<RunId> RunsOn(DeviceId device) const;

  /// Runs that READY devices carry at once.
  int total_capacity() const;

  /// When EndSuspicion has something to do.
  std::optional<Time> next_suspicion_end() const;

  /// When the first run will be overdue.
  std::optional<Time> next_overdue() const;

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
    std::map<ModelGeneration, Placement> placements;
  };

  static JobRecord* NextOn(const Device& device, const JobTable& jobs);

  std::map<DeviceId, Device> devices_;
  std::map<RunId, Run> runs_;
  RunId last_run_{};
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_PLACEMENT_TABLE_H_
