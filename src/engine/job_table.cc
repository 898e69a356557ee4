#include "engine/job_table.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace accelerd {

JobRecord& JobTable::Add(const JobInfo& info) {
  const auto [job, added] = jobs_.try_emplace(info.id);
  assert(added);
  JobRecord& record = job->second;
  record.info = info;
  record.order = next_order_++;
  record.state = info.prepared ? JobState::kPrepared : JobState::kWaiting;
  if (info.prepared) {
    given_bytes_ += info.input_bytes;
  }
  EnterOrders(record);
  return record;
}

JobRecord* JobTable::Find(JobId id) {
  const auto job = jobs_.find(id);
  return job == jobs_.end() ? nullptr : &job->second;
}

void JobTable::MoveTo(JobRecord& job, JobState state) {
  assert(!job.abandoned);
  LeaveOrders(job);
  if (job.state == JobState::kWaiting && state != JobState::kWaiting) {
    BytesOf(job) += job.info.input_bytes;
  }
  job.state = state;
  EnterOrders(job);
}

void JobTable::Abandon(JobRecord& job) {
  LeaveOrders(job);
  job.abandoned = true;
}

void JobTable::Remove(JobRecord& job) {
  LeaveOrders(job);
  if (job.state != JobState::kWaiting) {
    BytesOf(job) -= job.info.input_bytes;
  }
  jobs_.erase(job.info.id);
}

JobRecord* JobTable::FirstWaiting() const {
  return waiting_.empty() ? nullptr : waiting_.begin()->second;
}

JobRecord* JobTable::FirstPrepared(ModelGeneration model) const {
  const auto queue = prepared_.find(model);
  return queue == prepared_.end() ? nullptr : queue->second.begin()->second;
}

JobRecord* JobTable::FirstToExpire() const {
  return deadlines_.empty() ? nullptr : deadlines_.begin()->second;
}

std::vector<JobId> JobTable::NotRunning(std::optional<ModelGeneration> model) const {
  std::vector<std::pair<std::uint64_t, JobId>> found;
  for (const auto& [id, job] : jobs_) {
    if (!job.abandoned && job.state != JobState::kRunning && (!model || job.info.model == *model)) {
      found.emplace_back(job.order, id);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<JobId> jobs;
  jobs.reserve(found.size());
  std::transform(found.begin(), found.end(), std::back_inserter(jobs), [](const auto& entry) { return entry.second; });
  return jobs;
}

void JobTable::EnterOrders(JobRecord& job) {
  // Arrivals go to the end, which the hint makes cheap.
  if (job.state == JobState::kWaiting) {
    waiting_.emplace_hint(waiting_.end(), job.order, &job);
  } else if (job.state == JobState::kPrepared) {
    ByOrder& queue = prepared_[job.info.model];
    queue.emplace_hint(queue.end(), job.order, &job);
  }
  if (job.state != JobState::kRunning && job.info.deadline != Time::max()) {
    deadlines_.emplace(std::pair(job.info.deadline, job.order), &job);
  }
}

void JobTable::LeaveOrders(JobRecord& job) {
  if (job.abandoned) {
    return;
  }
  if (job.state == JobState::kWaiting) {
    waiting_.erase(job.order);
  } else if (job.state == JobState::kPrepared) {
    const auto queue = prepared_.find(job.info.model);
    queue->second.erase(job.order);
    // Generations are never used again: an empty queue must not stay.
    if (queue->second.empty()) {
      prepared_.erase(queue);
    }
  }
  if (job.state != JobState::kRunning && job.info.deadline != Time::max()) {
    deadlines_.erase(std::pair(job.info.deadline, job.order));
  }
}

}  // namespace accelerd
