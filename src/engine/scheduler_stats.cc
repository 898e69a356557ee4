#include "engine/scheduler_stats.h"

#include <algorithm>

namespace accelerd {

std::string_view RefusalReasonName(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::kQueueFull:
      return "queue_full";
    case RefusalReason::kClientQueueFull:
      return "client_queue_full";
    case RefusalReason::kTooLate:
      return "too_late";
    case RefusalReason::kExpired:
      return "expired";
    case RefusalReason::kSuperseded:
      return "superseded";
    case RefusalReason::kDeviceLost:
      return "device_lost";
    case RefusalReason::kModelGone:
      return "model_gone";
    case RefusalReason::kTooLarge:
      return "too_large";
  }
  return "";
}

void CountStart(ShareStats& stats, Duration wait) {
  stats.started++;
  stats.wait += wait;
  stats.longest_wait = std::max(stats.longest_wait, wait);
}

void Accumulate(ShareStats& stats, const ShareStats& more) {
  stats.waiting += more.waiting;
  stats.running += more.running;
  stats.completed += more.completed;
  stats.decoded += more.decoded;
  stats.failed += more.failed;
  stats.cancelled += more.cancelled;
  for (std::size_t i = 0; i < kRefusalReasons; ++i) {
    stats.refused[i] += more.refused[i];
  }
  stats.device_time += more.device_time;
  stats.processor_time += more.processor_time;
  for (std::size_t i = 0; i < stats.recent.size(); ++i) {
    stats.recent.at(i).device_time += more.recent.at(i).device_time;
    stats.recent.at(i).processor_time += more.recent.at(i).processor_time;
    stats.recent.at(i).completed += more.recent.at(i).completed;
  }
  stats.started += more.started;
  stats.wait += more.wait;
  stats.longest_wait = std::max(stats.longest_wait, more.longest_wait);
}

}  // namespace accelerd
