#ifndef ACCELERD_ENGINE_DEADLINE_QUEUE_H_
#define ACCELERD_ENGINE_DEADLINE_QUEUE_H_

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "engine/scheduler_core.h"

namespace accelerd {

struct JobRecord;

/// The jobs that can expire, of which the first is known: a heap in one array. Each job knows its place in it, so that
/// most of them, which leave before their deadline, are not searched for. Not thread-safe.
class DeadlineQueue {
 public:
  void Add(JobRecord& job);

  /// REQUIRES: it was added.
  void Remove(const JobRecord& job);

  /// Of the earliest deadline, and of those of the least id; null when it is empty.
  JobRecord* first() const { return jobs_.empty() ? nullptr : jobs_.front().job; }

 private:
  /// With what they are compared by, so that other jobs are not touched.
  struct Entry {
    Time deadline{};
    JobId id{};
    JobRecord* job = nullptr;

    bool operator<(const Entry& other) const {
      return deadline != other.deadline ? deadline < other.deadline : id < other.id;
    }
  };

  void Put(std::size_t place, const Entry& entry);
  void MoveUp(std::size_t place, const Entry& entry);
  void MoveDown(std::size_t place, const Entry& entry);

  std::vector<Entry> jobs_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_DEADLINE_QUEUE_H_
