#include "engine/recent_use.h"

#include <algorithm>
#include <cmath>

namespace accelerd {

RecentUse::Second& RecentUse::At(std::int64_t second) {
  if (second > newest_) {
    for (std::int64_t next = std::max(newest_ + 1, second - kKept + 1); next <= second; ++next) {
      seconds_[PlaceOf(next)] = Second();
    }
    newest_ = second;
  }
  // An older one than are kept has the place of a newer one.
  return seconds_[PlaceOf(std::max(second, newest_ - kKept + 1))];
}

void RecentUse::Add(Resource resource, Duration amount, Time from, Time to) {
  const auto index = static_cast<std::size_t>(resource);
  const std::int64_t last = SecondOf(to);
  std::int64_t second = SecondOf(from);
  if (second >= last) {
    At(last).used[index] += static_cast<float>(ToSeconds(amount));
    return;
  }
  At(last);  // What is older has its place from here on.
  const double rate = ToSeconds(amount) / ToSeconds(to - from);
  for (second = std::max(second, last - kKept + 1); second <= last; ++second) {
    const Time begin = std::max(from, Time(std::chrono::seconds(second)));
    const Time end = std::min(to, Time(std::chrono::seconds(second + 1)));
    At(second).used[index] += static_cast<float>(rate * ToSeconds(end - begin));
  }
}

void RecentUse::Merge(const RecentUse& other) {
  At(other.newest_);
  for (std::int64_t second = std::max(newest_, other.newest_) - kKept + 1; second <= other.newest_; ++second) {
    const Second& more = other.seconds_[PlaceOf(second)];
    Second& sum = At(second);
    for (std::size_t i = 0; i < kResources; ++i) {
      sum.used[i] += more.used[i];
    }
    sum.completed += more.completed;
  }
}

RecentShare RecentUse::Over(std::chrono::seconds window, Time now) const {
  const std::int64_t current = SecondOf(now);
  const double elapsed = ToSeconds(now - Time(std::chrono::seconds(current)));
  std::array<double, kResources> used{};
  double completed = 0;
  const std::int64_t oldest = current - window.count();
  for (std::int64_t second = oldest; second <= std::min(current, newest_); ++second) {
    if (second <= newest_ - kKept) {
      continue;
    }
    const Second& entry = seconds_[PlaceOf(second)];
    // The oldest second has slid out of the window by as much as the current one has gone on.
    const double part = second == oldest ? 1 - elapsed : 1;
    for (std::size_t i = 0; i < kResources; ++i) {
      used[i] += part * static_cast<double>(entry.used[i]);
    }
    completed += part * entry.completed;
  }
  const auto duration = [](double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  };
  return {.device_time = duration(used[static_cast<std::size_t>(Resource::kDevice)]),
          .processor_time = duration(used[static_cast<std::size_t>(Resource::kProcessor)]),
          .completed = static_cast<std::uint64_t>(std::llround(completed))};
}

}  // namespace accelerd
