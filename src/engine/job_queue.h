#ifndef ACCELERD_ENGINE_JOB_QUEUE_H_
#define ACCELERD_ENGINE_JOB_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace accelerd {

struct JobRecord;

/// Jobs by unique numbers, in one array: the least leaves and the greatest comes at once, others move those behind
/// them. Not thread-safe.
class JobQueue {
 public:
  bool empty() const { return begin_ == jobs_.size(); }
  std::size_t size() const { return jobs_.size() - begin_; }

  /// REQUIRES: not empty.
  JobRecord* first() const { return jobs_[begin_].second; }
  const std::pair<std::uint64_t, JobRecord*>& last() const { return jobs_.back(); }

  void Add(std::uint64_t order, JobRecord& job) {
    if (empty() || jobs_.back().first < order) {
      jobs_.emplace_back(order, &job);
    } else {
      jobs_.emplace(Find(order), order, &job);
    }
  }

  /// REQUIRES: it was added.
  void Remove(std::uint64_t order) {
    if (jobs_[begin_].first != order) {
      jobs_.erase(Find(order));
      return;
    }
    begin_++;
    if (empty() && jobs_.capacity() > kKept) {
      jobs_ = {};
      begin_ = 0;
    } else if (begin_ > jobs_.size() / 2) {
      jobs_.erase(jobs_.begin(), jobs_.begin() + static_cast<std::ptrdiff_t>(begin_));
      begin_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKept = 16;  ///< Places that an empty queue keeps.

  std::vector<std::pair<std::uint64_t, JobRecord*>>::iterator Find(std::uint64_t order) {
    return std::ranges::lower_bound(jobs_.begin() + static_cast<std::ptrdiff_t>(begin_), jobs_.end(), order, {},
                                    &std::pair<std::uint64_t, JobRecord*>::first);
  }

  std::vector<std::pair<std::uint64_t, JobRecord*>> jobs_;
  std::size_t begin_ = 0;  ///< Of those that are there.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_JOB_QUEUE_H_
