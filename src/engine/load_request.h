#ifndef ACCELERD_ENGINE_LOAD_REQUEST_H_
#define ACCELERD_ENGINE_LOAD_REQUEST_H_

#include <string>

#include "base/clock.h"
#include "model/model_files.h"

namespace accelerd {

/// A model that a caller wants on the device.
struct LoadRequest {
  std::string name;
  ModelFiles files;
  bool pinned = false;          ///< Asked for by the service's own configuration: stays wanted when its load fails.
  Time deadline = Time::max();  ///< Of the caller's wait; the load goes on.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_REQUEST_H_
