#ifndef ACCELERD_ENGINE_LOAD_REQUEST_H_
#define ACCELERD_ENGINE_LOAD_REQUEST_H_

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "model/model_files.h"

namespace accelerd {

/// A model that a caller wants on the device.
struct LoadRequest {
  std::string name;
  ModelFiles files;
  bool pinned = false;          ///< The service's own configuration asks for the model.
  Time deadline = Time::max();  ///< When the caller stops waiting. The load goes on.
  bool replace = false;         ///< Whether a model of this name that was loaded from other files may be replaced.
  std::string client = {};      ///< Account of the client that asks. Empty: no client's bound holds.
  std::uint64_t bytes = 0;      ///< Size of the files, as far as it is known.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_LOAD_REQUEST_H_
