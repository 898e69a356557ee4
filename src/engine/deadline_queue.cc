#include "engine/deadline_queue.h"

#include <algorithm>

#include "engine/job_table.h"

namespace accelerd {
namespace {

constexpr std::size_t kChildren = 4;  // Of a place; a flat heap moves fewer jobs.

}  // namespace

void DeadlineQueue::Add(JobRecord& job) {
  const Entry entry{job.info.deadline, job.info.id, &job};
  jobs_.push_back(entry);
  MoveUp(jobs_.size() - 1, entry);
}

void DeadlineQueue::Remove(const JobRecord& job) {
  const std::size_t place = job.deadline_place;
  const Entry last = jobs_.back();
  jobs_.pop_back();
  if (place == jobs_.size()) {
    return;
  }
  if (last < jobs_[place]) {
    MoveUp(place, last);
  } else {
    MoveDown(place, last);
  }
}

void DeadlineQueue::Put(std::size_t place, const Entry& entry) {
  jobs_[place] = entry;
  entry.job->deadline_place = place;
}

void DeadlineQueue::MoveUp(std::size_t place, const Entry& entry) {
  while (place > 0 && entry < jobs_[(place - 1) / kChildren]) {
    const std::size_t parent = (place - 1) / kChildren;
    Put(place, jobs_[parent]);
    place = parent;
  }
  Put(place, entry);
}

void DeadlineQueue::MoveDown(std::size_t place, const Entry& entry) {
  while (place * kChildren + 1 < jobs_.size()) {
    const auto children = jobs_.begin() + static_cast<std::ptrdiff_t>(place * kChildren + 1);
    const auto least =
        std::min_element(children, children + std::min<std::ptrdiff_t>(kChildren, jobs_.end() - children));
    if (!(*least < entry)) {
      break;
    }
    Put(place, *least);
    place = static_cast<std::size_t>(least - jobs_.begin());
  }
  Put(place, entry);
}

}  // namespace accelerd
