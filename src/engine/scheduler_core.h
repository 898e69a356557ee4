#ifndef ACCELERD_ENGINE_SCHEDULER_CORE_H_
#define ACCELERD_ENGINE_SCHEDULER_CORE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/status.h"
#include "engine/client.h"
#include "engine/scheduler_stats.h"

namespace accelerd {

enum class JobId : std::uint64_t {};
enum class DeviceId : std::uint32_t {};
/// One load of a model's files; never used again.
enum class ModelGeneration : std::uint64_t {};
/// In place of a model: the job needs no device and is over when it is prepared.
inline constexpr ModelGeneration kNoModel{UINT64_MAX};

enum class DeviceState { kOpening, kReady, kLost, kStuck };

struct SchedulerLimits {
  std::size_t max_jobs = 256;  ///< Jobs that are not DONE, those running included. Default: 256.
  /// Inputs of jobs that are PREPARING, PREPARED or RUNNING. Default: 256 MiB.
  ///
  /// Inputs that are tensors at submission exist already and count from then on: they are refused when they alone would
  /// exceed the limit. A preparation is granted when it fits beside everything else, or when no other granted one holds
  /// bytes: so callers who bring tensors cannot starve those who bring images, and the true bound is the limit plus one
  /// job's inputs.
  std::size_t max_prepared_bytes = 256 << 20;
  /// Jobs of one group of clients; and the bytes of their inputs. Default: no bound of their own.
  std::size_t max_client_jobs = SIZE_MAX;
  std::size_t max_client_bytes = SIZE_MAX;
  std::size_t max_clients = 1000;  ///< That are told apart; the rest counts as one. Default: 1000.
  /// Preparations at once. Default: 4.
  ///
  /// When all of them have gone on for SchedulerCore::kPreparationStall, one more is granted to a client of which
  /// nothing is in preparation: a client that occupies every thread with long work does not hold up the others.
  int max_preparing = 4;
  /// How long after the loss of their device jobs are still admitted to wait for it. Default: 5 s.
  Duration device_wait = std::chrono::seconds(5);
  /// A run that takes longer than 20 times the median of its model's, within these bounds, hangs; the upper one holds
  /// before the first measurement. Default: 2 s, 30 s.
  Duration least_run_bound = std::chrono::seconds(2);
  Duration most_run_bound = std::chrono::seconds(30);
};

/// A job as the core sees it.
struct JobInfo {
  JobId id{};
  ModelGeneration model{};
  Client client = {};
  PriorityClass priority = PriorityClass::kNormal;
  std::string stream = {};  ///< Of the client: a newer frame replaces an older one that has not started. Empty: none.
  Time deadline = Time::max();
  std::size_t input_bytes = 0;
  bool prepared = false;  ///< Its inputs are tensors already: nothing to prepare.
};

/// How a run ended. A device fault never ends a job by itself. kDeviceCrash is one that the job may have caused.
enum class Outcome { kOk, kRequestError, kDeviceFault, kDeviceCrash };

/// What is known of a device that is not kReady any more.
struct DeviceLoss {
  bool crash = false;  ///< What ran may have caused it.
  Time retry_at{};     ///< When it may be back.
};

/// What the shell carries out, after it released its mutex, in any order relative to later decisions.
struct Decisions {
  struct Refusal {
    JobId job;
    absl::Status status;  ///< With RetryAfter where a later attempt may succeed.
  };
  struct Preparation {
    JobId job;
  };
  struct Start {
    JobId job;
    RunId run;
    DeviceId device;
  };
  struct Hang {
    DeviceId device;
    ModelGeneration model;
    Duration bound;  ///< How long the run had.
  };
  std::vector<Refusal> refuse;
  std::vector<Preparation> prepare;
  std::vector<Start> start;
  std::vector<Hang> hangs;  ///< Devices to give up: a run on them is over its bound.
  std::vector<ModelGeneration>
      suspects;                     ///< A job of this model crashed or hung its device twice, at last alone on it.
  std::optional<JobId> finished;    ///< The job that this end of a run, or of a preparation without a model, completes.
  std::optional<Time> next_wakeup;  ///< When Advance has to be called; unset: not before another event.
};

/// Decides which job is prepared and which runs next, on which device: in fair order over clients and their models
/// (see FairQueue, and TurnOrder for priorities), work-conserving.
///
/// WAITING -> PREPARING -> PREPARED -> RUNNING -> DONE; a job of kNoModel is DONE instead of PREPARED. Pure and
/// single-threaded: events in, decisions out, the time a parameter that never goes back. A completion of a run that is
/// not current is dropped, so each job ends once: by one `refuse`, one `finished`, a failed Prepared or a Cancel. A
/// model without a placement makes its jobs wait.
///
/// A run is charged to its client by the time it took, divided by the runs that went on beside it; when it begins, by
/// a moving mean of its model's runs, corrected at its end. Preparations share the threads that prepare in the same
/// way, each charged by its measured time, and run only as far ahead as the device needs (see PreparationOrder).
///
/// A frame of a stream is replaced by a newer one, which takes its place: at once while it is WAITING; in PREPARING or
/// PREPARED, when the newer one is PREPARED. It ends with kAborted. A frame that has started is never replaced.
///
/// A job that was in flight at a device fault goes before all others and runs alone: its device empties for it, later
/// jobs wait. A run that is over its bound is a fault of the whole device, which is LOST from then on. Bounds that
/// passed more than a second before the core is asked are judged a second later: the process was stopped, and
/// completions come in first. Costs O(log jobs + models of the client * log clients) an event; of an admission that is
/// in doubt O(clients).
class SchedulerCore {
 public:
  explicit SchedulerCore(const SchedulerLimits& limits);
  ~SchedulerCore();

  /// A new job. Refused at once: the queue, or what its client may have of it, is full (kResourceExhausted; another
  /// client's last job may be refused in its place when that one has more), it cannot start by its deadline after what
  /// comes before it (kResourceExhausted when that is its own client's doing, else kDeadlineExceeded), inputs that can
  /// never be prepared within the limits (kResourceExhausted, without RetryAfter), its model's device is gone for
  /// longer than device_wait, or kStuck (kUnavailable).
  Decisions Submit(JobInfo job, Time now);

  /// The preparation that was granted ended, after it occupied a thread for `cost`. An error ends the job (the shell
  /// tells the caller).
  Decisions Prepared(JobId job, bool ok, Duration cost, Time now);

  /// Work for a job that is DONE, such as making its result, occupied a thread for `cost`: the client is charged for it
  /// in the order of preparations. Does nothing for a client that was forgotten.
  void ChargeProcessor(const Client& client, PriorityClass priority, ModelGeneration model, Duration cost, Time now);

  /// A run ended; `device_time` counts when it is kOk. After a device fault the job waits again in its old place, to
  /// run once more; after the second it is refused. Nothing starts on that device until DeviceChanged tells its state,
  /// at most kFaultGrace.
  Decisions Finished(RunId run, Outcome outcome, Duration device_time, Time now);

  /// The caller is gone: the job leaves at once. What it holds (bytes while PREPARING, a slot too while RUNNING) comes
  /// back with the end of its preparation or run. Does nothing when the job is DONE.
  Decisions Cancel(JobId job, Time now);

  /// `model` has `slots` slots on `device`; 0: nothing more starts there.
  Decisions PlacementChanged(DeviceId device, ModelGeneration model, int slots, Time now);

  /// Runs on a device that is not kReady are over: their jobs wait again as after a device fault. When it is kStuck,
  /// jobs that wait are refused.
  Decisions DeviceChanged(DeviceId device, DeviceState state, Time now, const DeviceLoss& loss = {});

  /// While a device is paused nothing starts on it; what runs there goes on.
  Decisions Pause(DeviceId device, bool paused, Time now);

  /// Whether something runs on the device.
  bool Busy(DeviceId device) const;

  /// The model does not come back: its jobs that do not run are refused with `reason`.
  Decisions ModelGone(ModelGeneration model, const absl::Status& reason, Time now);

  /// Time passed: refuses what is past its deadline and not RUNNING.
  Decisions Advance(Time now);

  /// Jobs that are not DONE, and those whose caller is gone while their preparation or run goes on.
  std::size_t job_count() const;

  /// What was asked for and given in all, without the runs that go on.
  const ShareStats& total() const;
  bool KnowsModel(ModelGeneration model) const;

  /// What was asked for and given: in all, of each model, of each client. Runs that go on count as far as they are.
  struct Report {
    ShareStats total;
    std::map<ModelGeneration, ShareStats> models;
    std::vector<ClientStats> clients;
  };
  Report MakeReport(Time now);

  /// Bytes of inputs that count against max_prepared_bytes.
  std::size_t prepared_bytes() const;

  /// How long all places for preparations may be taken, without another preparation beginning, before one more is
  /// granted.
  static constexpr Duration kPreparationStall = std::chrono::milliseconds(20);

  /// How long a device whose run failed is given to report its own state.
  static constexpr Duration kFaultGrace = std::chrono::seconds(1);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_CORE_H_
