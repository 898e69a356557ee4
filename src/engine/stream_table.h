#ifndef ACCELERD_ENGINE_STREAM_TABLE_H_
#define ACCELERD_ENGINE_STREAM_TABLE_H_

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "engine/fair_queue.h"

namespace accelerd {

struct JobRecord;

/// The frames of streams that have not started, in the order of their arrival. A stream belongs to one client and
/// one model. Not thread-safe.
class StreamTable {
 public:
  /// REQUIRES: the job names a stream.
  void Add(JobRecord& job);

  /// Does nothing when it is not there.
  void Remove(const JobRecord& job);

  /// The frame of the stream of `info` whose preparation has not begun; null when there is none. It is the last one.
  JobRecord* Waiting(const JobInfo& info) const;

  /// Those that arrived before `job`.
  std::vector<JobRecord*> OlderThan(const JobRecord& job) const;

 private:
  using Key =
      std::tuple<std::string, std::string, std::string, ModelGeneration>;  // Clients by key: entries are shared.

  static Key KeyOf(const JobInfo& info);

  std::map<Key, std::vector<JobRecord*>> streams_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_STREAM_TABLE_H_
