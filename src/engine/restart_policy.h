#ifndef ACCELERD_ENGINE_RESTART_POLICY_H_
#define ACCELERD_ENGINE_RESTART_POLICY_H_

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace accelerd {

/// How long to wait before a device is opened again: not at all at first; from the second attempt in a row, without
/// proof in between that it works, 0.2 s that double up to 5 s; 60 s after ten. It never gives up.
class RestartPolicy {
 public:
  void Attempted() { attempts_ = std::min(attempts_ + 1, kMany + 1); }

  /// The device has computed something right.
  void Proved() { attempts_ = 0; }

  Duration delay() const {
    if (attempts_ == 0) {
      return Duration(0);
    }
    if (attempts_ > kMany) {
      return std::chrono::seconds(60);
    }
    return std::min<Duration>(std::chrono::milliseconds(200) * (1 << (attempts_ - 1)), std::chrono::seconds(5));
  }

 private:
  static constexpr int kMany = 10;

  int attempts_ = 0;  ///< Since the last proof.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_RESTART_POLICY_H_
