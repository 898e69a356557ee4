#ifndef ACCELERD_ENGINE_DEVICE_H_
#define ACCELERD_ENGINE_DEVICE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "backend/backend.h"
#include "base/clock.h"
#include "engine/device_mailbox.h"
#include "engine/model_loader.h"
#include "engine/next_action.h"

namespace accelerd {

/// Creates the backend that drives the device, given the function that reports its loss.
using BackendFactory = std::function<absl::StatusOr<std::unique_ptr<Backend>>(Backend::OnLost)>;

/// Whom a device asks what to do, and tells what it did. Called on the device's thread, unless said otherwise; must not
/// block.
class DeviceHost {
 public:
  virtual Step NextStep(const DeviceSnapshot& snapshot, Time now) = 0;

  /// Any thread.
  virtual void StateChanged(DeviceState state) = 0;

  /// Whether the model is still wanted and serves now; it reports its end by DeviceMailbox::Unreferenced. Otherwise
  /// `compiled` has been let go of.
  virtual bool Loaded(std::unique_ptr<EngineModel> model, std::shared_ptr<CompiledModel> compiled) = 0;

  /// Whether the load is given up. `device_lost`: the device is to blame rather than the model.
  virtual bool LoadFailed(ModelGeneration model, const absl::Status& reason, bool device_lost) = 0;

  /// Nothing more may start on this placement.
  virtual void Withdraw(ModelGeneration model) = 0;

 protected:
  ~DeviceHost() = default;
};

/// One device with the thread that owns its backend: asks the host for the next step, carries it out, asks again.
///
/// A backend that cannot be created or opened is tried again after 0.2 s, growing to 5 s. Compiled models are destroyed
/// on the thread, when their last holder has let go.
class Device {
 public:
  /// `host` and `clock` outlive the device.
  Device(BackendFactory factory, ModelLoaderOptions options, DeviceHost& host, std::shared_ptr<DeviceMailbox> mailbox,
         const Clock& clock);

  /// Withdraws every model, waits for the runs in flight, destroys the backend and joins the thread.
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

 private:
  void Run();
  void ReadMail();
  void MarkLost(const absl::Status& reason);
  absl::Status OpenBackend();

  void Do(const OpenStep& step);
  void Do(const CompileStep& step);
  void Do(const WithdrawStep& step);
  void Do(const DestroyStep& step);
  void Do(const WaitStep& step);

  const BackendFactory factory_;
  const ModelLoaderOptions options_;
  DeviceHost& host_;
  const std::shared_ptr<DeviceMailbox> mailbox_;
  const Clock& clock_;

  // The thread's own.
  DeviceSnapshot snapshot_;
  std::unique_ptr<Backend> backend_;
  std::map<ModelGeneration, std::unique_ptr<CompiledModel>> models_;
  Duration backoff_;
  Time opened_at_;
  std::string last_open_error_;  ///< Said in the log already.

  std::thread thread_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEVICE_H_
