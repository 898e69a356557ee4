#ifndef ACCELERD_ENGINE_DEVICE_H_
#define ACCELERD_ENGINE_DEVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/backend.h"
#include "base/clock.h"
#include "base/done.h"
#include "base/log_throttle.h"
#include "engine/backend_watch.h"
#include "engine/canary_store.h"
#include "engine/device_course.h"
#include "engine/device_mailbox.h"
#include "engine/failed_load.h"
#include "engine/file_stamp.h"
#include "engine/kept_files.h"
#include "engine/model_loader.h"
#include "engine/next_action.h"

namespace accelerd {

/// Creates the backend that drives the device, given the function that reports its loss.
using BackendFactory = std::function<absl::StatusOr<std::unique_ptr<Backend>>(Backend::OnLost)>;

struct DeviceOptions {
  std::string name;
  /// Whether Abandon frees a device that hangs, as it does for one in a worker; else it stays STUCK. Default: true.
  bool recovers_hangs = true;
  Duration open_timeout = std::chrono::seconds(30);
  Duration compile_timeout = std::chrono::seconds(300);  ///< Of a model, its canary included.
  Duration probe_interval = std::chrono::seconds(10);    ///< 0: never.
  Duration canary_interval{};                            ///< Of all models; 0: only after a load. Default: 0.
  std::string state_directory = {};                      ///< Of the canaries' references; empty: none are kept.
};

/// A state of the device, as it is entered.
struct DeviceChange {
  DeviceState state = DeviceState::kOpening;
  absl::Status reason;  ///< Why it is not kReady.
  DeviceLoss loss;
};

/// Whom a device asks what to do, and tells what it did. Called on the device's thread, unless said otherwise; must not
/// block.
class DeviceHost {
 public:
  virtual Step NextStep(const DeviceSnapshot& snapshot, Time now) = 0;

  /// Any thread.
  virtual void StateChanged(const DeviceChange& change) = 0;

  /// Returns whether the model is still wanted and serves now; it reports its end by DeviceMailbox::Unreferenced.
  /// Otherwise `compiled` has been let go of. `stamps` are the files that the model was made of.
  virtual bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled,
                      std::vector<FileStamp> stamps) = 0;

  virtual void LoadFailed(FailedLoad load) = 0;

  /// The device was away for another reason than a load, and is open again.
  virtual void DeviceReturned() = 0;

  /// While the device is paused nothing starts on it; what started before goes on.
  virtual void Pause(bool paused) = 0;

  /// Completes on any thread when nothing runs on the device, which is paused.
  virtual void NotifyIdle(Done<> done) = 0;

  /// Nothing more may start on this placement.
  virtual void Withdraw(ModelGeneration model) = 0;

  /// A job of the model crashed or hung the device twice.
  virtual void Suspect(ModelGeneration model) = 0;

  /// Time to look whether files of models have changed.
  virtual void LookForChanges() = 0;

  /// Time to run the canaries of the models that serve, beside their jobs.
  virtual void RunCanaries() = 0;

 protected:
  ~DeviceHost() = default;
};

/// One device with the thread that owns its backend: asks the host for the next step, carries it out, asks again.
///
/// Loss, crash and hang are one path: the state changes, every model is withdrawn and destroyed, the backend is opened
/// again (see RestartPolicy), and models are compiled anew. Compiled models are destroyed on the thread, when their
/// last holder has let go.
class Device {
 public:
  /// `host` and `clock` outlive the device.
  Device(BackendFactory factory, DeviceOptions options, ModelLoaderOptions loading, DeviceHost& host,
         std::shared_ptr<DeviceMailbox> mailbox, const Clock& clock);

  /// Withdraws every model, waits for the runs in flight, destroys the backend and joins the thread. A call of the
  /// backend that is under way is cut short if it can be.
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// For who finds that the device hangs: it gives up on it. May outlive the device.
  std::shared_ptr<BackendWatch> watch() const { return watch_; }

 private:
  class ExclusiveLoad;

  void Run();
  void ReadMail();
  void MarkLost(const absl::Status& reason);
  void TellWhyNotReady(const absl::Status& reason);
  void ReportLoss(const absl::Status& reason);
  absl::Status OpenBackend();
  void FailLoad(const CompileStep& step, const absl::Status& status, std::vector<FileStamp> stamps);
  void HandOver(LoadedModel loaded);

  void Do(const OpenStep& step);
  void Do(const CompileStep& step);
  void Do(const WithdrawStep& step);
  void Do(const DestroyStep& step);
  void Do(const ProbeStep& step);
  void Do(const CanaryStep& step);
  void Do(const WaitStep& step);

  const BackendFactory factory_;
  const DeviceOptions options_;
  const ModelLoaderOptions loading_;
  DeviceHost& host_;
  const std::shared_ptr<DeviceMailbox> mailbox_;
  const Clock& clock_;

  // The thread's own.
  DeviceCourse course_;
  std::unique_ptr<Backend> backend_;
  std::map<ModelGeneration, std::unique_ptr<CompiledModel>> models_;
  CanaryStore canaries_;
  KeptFiles kept_;
  bool left_ = false;   ///< The device is lost, and no load was under way.
  bool away_ = false;   ///< It could not be opened since then.
  bool works_ = false;  ///< A model computed what it should since the device was opened.
  RepeatThrottle open_errors_{std::chrono::minutes(1)};

  const std::shared_ptr<BackendWatch> watch_;
  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_H_
