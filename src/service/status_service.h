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
  int restarts = 0;                             ///< How often it was lost and had to be opened again.
  std::string last_error;                       ///< Why it was not READY last; empty: it always was.
};

struct Health {
  bool ready = false;
  std::string reason;  ///< Why the service is not ready.
  std::vector<DeviceHealth> devices;
  std::vector<ModelStatus> models;       ///< As a call would meet them now; sorted by name.
  std::vector<ModelStatus> waiting_for;  ///< The models because of which the service is not ready.
};

/// How the service is. Implemented by the service. Thread-safe; never waits for the device.
class StatusService {
 public:
  virtual ~StatusService() = default;

  /// Ready means that the service is not stopping, that its device is READY, and, unless the service was told to look
  /// at the device alone, that every model of the configuration is READY. A model that a client unloaded does not
  /// count, nor does one that a client loaded.
  virtual Health GetHealth() const = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_STATUS_SERVICE_H_
