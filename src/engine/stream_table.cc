#include "engine/stream_table.h"

#include <algorithm>

#include "engine/job_table.h"

namespace accelerd {

StreamTable::Key StreamTable::KeyOf(const JobInfo& info) {
  return {info.client.key(), info.client.member, info.stream, info.model};
}

void StreamTable::Add(JobRecord& job) {
  streams_[KeyOf(job.info)].push_back(&job);
}

void StreamTable::Remove(const JobRecord& job) {
  if (job.info.stream.empty()) {
    return;
  }
  const auto stream = streams_.find(KeyOf(job.info));
  if (stream == streams_.end()) {
    return;
  }
  std::erase(stream->second, &job);
  if (stream->second.empty()) {
    streams_.erase(stream);
  }
}

JobRecord* StreamTable::Waiting(const JobInfo& info) const {
  const auto found = streams_.find(KeyOf(info));
  if (found == streams_.end() || found->second.back()->state != JobState::kWaiting) {
    return nullptr;
  }
  return found->second.back();
}

std::vector<JobRecord*> StreamTable::OlderThan(const JobRecord& job) const {
  const auto found = streams_.find(KeyOf(job.info));
  if (found == streams_.end()) {
    return {};
  }
  const auto own = std::ranges::find(found->second, &job);
  return {found->second.begin(), own};
}

}  // namespace accelerd
