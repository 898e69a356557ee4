#ifndef ACCELERD_ENGINE_CANARY_STORE_H_
#define ACCELERD_ENGINE_CANARY_STORE_H_

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
/// the next, or in memory where there is none or it cannot be written. A file that is damaged counts as none.
/// Thread-compatible.
class CanaryStore {
 public:
  /// In `directory`, which is made when something is stored; empty: only in memory.
  explicit CanaryStore(std::string directory) : directory_(std::move(directory)) {}

  std::optional<CanaryReference> Find(const std::string& key);

  /// Logs when the reference cannot be written.
  void Put(const std::string& key, CanaryReference reference);

  /// Whether references are written to files.
  bool persistent() const { return !directory_.empty(); }

  /// The file of the reference, for messages.
  std::string PathOf(const std::string& key) const;

 private:
  absl::Status Write(const std::string& key, const CanaryReference& reference) const;

  const std::string directory_;
  std::map<std::string, CanaryReference> unwritten_;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_CANARY_STORE_H_
