#ifndef ACCELERD_ENGINE_CANARY_STORE_H_
#define ACCELERD_ENGINE_CANARY_STORE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/canary.h"

namespace accelerd {

/// What a model's canary has to give.
struct CanaryReference {
  bool repeatable = true;  ///< Two runs of the first load gave the same; else only an answer is asked for.
  CanaryOutputs outputs;
};

/// The references of all models, by a key that says everything that outputs depend on: in a folder, from one start to
/// the next, or in memory where there is none or it cannot be written. A file that is damaged counts as none. Files
/// that were not used for longest are removed when there is more than a bound. Thread-compatible; several processes may
/// share the folder.
class CanaryStore {
 public:
  static constexpr std::uint64_t kMaxBytes = 64 << 20;

  /// In `directory`, which is made when something is stored; empty: only in memory. `max_bytes` bounds the files, each
  /// counted in whole blocks of 4 KiB; the newest one stays in any case.
  explicit CanaryStore(std::string directory, std::uint64_t max_bytes = kMaxBytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  std::optional<CanaryReference> Find(const std::string& key);

  /// Logs when the reference cannot be written.
  void Put(const std::string& key, CanaryReference reference);

  /// Whether references are written to files.
  bool persistent() const { return !directory_.empty(); }

  /// The file of the reference, for messages.
  std::string PathOf(const std::string& key) const;

 private:
  std::string Folder() const { return directory_ + "/canaries"; }
  absl::Status Write(const std::string& key, const CanaryReference& reference) const;
  void RemoveLeastRecentlyUsed(const std::string& kept) const;

  const std::string directory_;
  const std::uint64_t max_bytes_;
  std::map<std::string, CanaryReference> unwritten_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CANARY_STORE_H_
