#ifndef ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_
#define ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_

#include <atomic>

#include "engine/model_manager.h"
#include "service/status_service.h"

namespace accelerd {

/// StatusService on the engine's ModelManager.
class EngineStatusService : public StatusService {
 public:
  /// `manager` outlives the service.
  explicit EngineStatusService(const ModelManager& manager) : manager_(manager) {}

  Health GetHealth() const override;

  /// From now on the service is not ready. Thread-safe.
  void Stop() { stopped_ = true; }

 private:
  const ModelManager& manager_;
  std::atomic<bool> stopped_ = false;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_ENGINE_STATUS_SERVICE_H_
