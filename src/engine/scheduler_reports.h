#ifndef ACCELERD_ENGINE_SCHEDULER_REPORTS_H_
#define ACCELERD_ENGINE_SCHEDULER_REPORTS_H_

#include <chrono>
#include <memory>
#include <utility>

#include "engine/backend_watch.h"
#include "engine/device_mailbox.h"
#include "engine/model_names.h"
#include "engine/scheduler.h"
#include "fmt/core.h"

namespace accelerd {

/// Passes what the scheduler finds out to those who act on it, none of whom may be called from there. May outlive the
/// device.
class SchedulerReports : public SchedulerObserver {
 public:
  SchedulerReports(std::shared_ptr<DeviceMailbox> mailbox, std::shared_ptr<BackendWatch> watch,
                   std::shared_ptr<const ModelNames> names)
      : mailbox_(std::move(mailbox)), watch_(std::move(watch)), names_(std::move(names)) {}

  void DeviceHangs(DeviceId /*device*/, ModelGeneration model, Duration bound) override {
    watch_->GiveUp(WithLossKind(
        absl::UnavailableError(fmt::format("an inference of \"{}\" takes longer than {} ms", names_->Of(model),
                                           std::chrono::duration_cast<std::chrono::milliseconds>(bound).count())),
        LossKind::kUnresponsive));
  }
  void ModelSuspect(ModelGeneration model) override { mailbox_->Suspect(model); }

 private:
  const std::shared_ptr<DeviceMailbox> mailbox_;
  const std::shared_ptr<BackendWatch> watch_;
  const std::shared_ptr<const ModelNames> names_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_REPORTS_H_
