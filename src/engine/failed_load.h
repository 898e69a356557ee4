#ifndef ACCELERD_ENGINE_FAILED_LOAD_H_
#define ACCELERD_ENGINE_FAILED_LOAD_H_

#include <vector>

#include "base/status.h"
#include "engine/file_stamp.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// A load that did not succeed.
struct FailedLoad {
  ModelGeneration model{};
  absl::Status reason;                 ///< kDataLoss: the device computed something else than before.
  bool others_work = false;            ///< Another model computed what it should since the device was opened.
  bool device_lost = false;            ///< The device was lost during the load. The model may be tried again.
  bool begun = true;                   ///< False: the device was lost before the load began.
  std::vector<FileStamp> stamps = {};  ///< The model's files, as they were before they were read.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_FAILED_LOAD_H_
