#ifndef ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_
#define ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_

#include <atomic>

#include "engine/model_manager.h"
#include "service/status_service.h"

namespace accelerd {

/// What readiness asks for, beside a service that is not stopping.
enum class ReadyWhen {
  kModels,  ///< The device is READY, and so is every model of the configuration.
  kDevice   ///< The device is READY.
};

/// StatusService on the engine's ModelManager.
class EngineStatusService : public StatusService {
 public:
  /// `manager` outlives the service.
  explicit EngineStatusService(const ModelManager& manager, ReadyWhen ready_when = ReadyWhen::kModels)
      : manager_(manager), ready_when_(ready_when) {}

  Health GetHealth() const override;

  /// From now on the service is not ready. Thread-safe.
  void Stop() { stopped_ = true; }

 private:
  void JudgeReadiness(const DeviceStatus& device, Health& health) const;

  const ModelManager& manager_;
  const ReadyWhen ready_when_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_
