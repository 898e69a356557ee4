#ifndef ACCELERD_SERVICE_STATUS_SERVICE_H_
#define ACCELERD_SERVICE_STATUS_SERVICE_H_

#include <chrono>
#include <string>
#include <vector>

#include "model/model_status.h"

namespace accelerd {

struct DeviceHealth {
  std::string name;
  std::string state;                            ///< "OPENING", "READY", "LOST", "STUCK".
  std::chrono::system_clock::time_point since;  ///< Of the state.
  int restarts = 0;                             ///< How often it was opened again after a loss.
  std::string last_error;                       ///< Why it was not READY last; empty: it always was.
};

struct Health {
  bool ready = false;
  std::string reason;  ///< Why it is not ready.
  std::vector<DeviceHealth> devices;
  std::vector<ModelStatus> models;  ///< Sorted by name.
};

/// How the service is. Implemented by the service. Thread-safe; never waits for the device.
class StatusService {
 public:
  virtual ~StatusService() = default;

  /// Ready: it is not stopping, the device is READY, and no model that the configuration asks for is LOADING. A model
  /// of the configuration that failed does not make it unready: the others serve.
  virtual Health GetHealth() const = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_STATUS_SERVICE_H_
