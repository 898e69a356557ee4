#include "engine/scheduler_stats.h"

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

}  // namespace accelerd
