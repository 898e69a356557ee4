#ifndef ACCELERD_ENGINE_SCHEDULER_STATS_H_
#define ACCELERD_ENGINE_SCHEDULER_STATS_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "engine/client.h"

namespace accelerd {

/// Why a job had no result.
enum class RefusalReason {
  kQueueFull,        ///< Of the service, at submission.
  kClientQueueFull,  ///< Its client has its share of the queue, or more than that when others needed room.
  kTooLate,          ///< At submission: with the work ahead of it, it could not have started by its deadline.
  kExpired,          ///< It waited to its deadline.
  kSuperseded,       ///< A newer frame of its stream took its place.
  kDeviceLost,       ///< No device to wait for, or it failed twice under the job.
  kModelGone,
  kTooLarge,
};
inline constexpr std::size_t kRefusalReasons = 8;

/// "queue_full", "client_queue_full", …
std::string_view RefusalReasonName(RefusalReason reason);

/// What clients share.
enum class Resource {
  kDevice,
  kProcessor,  ///< The threads that decode images and make results.
};
inline constexpr std::size_t kResources = 2;

/// The windows over which recent use is reported.
inline constexpr std::array<std::chrono::seconds, 2> kRecentWindows = {std::chrono::seconds(10),
                                                                       std::chrono::seconds(60)};

/// What was used within a window of time.
struct RecentShare {
  Duration device_time{};
  Duration processor_time{};
  std::uint64_t completed = 0;
};

/// What was asked and given, since the start of the service.
struct ShareStats {
  std::size_t waiting = 0;      ///< Jobs that wait now: for their preparation, in it, or for the device.
  std::size_t running = 0;      ///< Jobs on a device now.
  std::uint64_t completed = 0;  ///< Inferences with a result.
  std::uint64_t decoded = 0;    ///< Jobs without an inference whose image was decoded.
  std::uint64_t failed = 0;     ///< Jobs whose preparation or run failed by what they asked.
  std::uint64_t cancelled = 0;  ///< Jobs whose callers left.
  std::array<std::uint64_t, kRefusalReasons> refused{};  ///< By RefusalReason.
  /// Time of the device: while several runs go on, each counts its part, so that the sum is the time the device was
  /// busy.
  Duration device_time{};
  /// Time of the threads that prepare inputs and make results, in which each thread counts.
  Duration processor_time{};
  std::array<RecentShare, kRecentWindows.size()> recent{};  ///< Use in each of kRecentWindows, where it is reported.
  std::uint64_t started = 0;                                ///< Jobs that came onto a device.
  Duration wait{};                                          ///< Of those, from submission to the first start, summed.
  Duration longest_wait{};
};

/// Counts a job that started after `wait`.
void CountStart(ShareStats& stats, Duration wait);

/// Adds what `more` counts to `stats`.
void Accumulate(ShareStats& stats, const ShareStats& more);

struct ClientStats {
  Client client;  ///< Empty names: clients that are not told apart any more.
  ShareStats stats;
};

struct ModelStats {
  std::string model;
  ShareStats stats;
};

struct SchedulerStats {
  ShareStats total;
  Duration uptime{};             ///< Since the scheduler began.
  std::size_t queued_bytes = 0;  ///< Inputs that count against max_prepared_bytes.
  std::vector<ClientStats> clients;
  std::vector<ModelStats> models;  ///< Those that were asked for and are known still, sorted by name.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_STATS_H_
