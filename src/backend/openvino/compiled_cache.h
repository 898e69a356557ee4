#ifndef ACCELERD_BACKEND_OPENVINO_COMPILED_CACHE_H_
#define ACCELERD_BACKEND_OPENVINO_COMPILED_CACHE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "openvino/runtime/tensor.hpp"

namespace accelerd::openvino {

/// Compiled models on disk: DIRECTORY/CONTENT_HASH/KEY.blob.
///
/// OpenVINO's own cache neither checks what it reads nor notices changed weights; here a folder belongs to one content
/// hash, and a SHA-256 over the hash, the key and the compiled bytes is verified before they are used. Whatever is
/// wrong with the cache costs time and a warning in the log, nothing else. Several processes may share a directory.
/// Thread-compatible.
class CompiledCache {
 public:
  static constexpr std::uint64_t kDefaultMaxBytes = std::uint64_t{2} << 30U;

  /// In `directory`, which is made when something is stored. Beyond `max_bytes` the entries that were not used for the
  /// longest time are removed.
  explicit CompiledCache(std::string directory, std::uint64_t max_bytes = kDefaultMaxBytes);

  /// What was stored last for a model's content under `key`, which says everything that compiling depends on. Nothing
  /// when there is no intact entry.
  std::optional<ov::Tensor> Find(const std::string& content_hash, std::string_view key) const;

  void Store(const std::string& content_hash, std::string_view key, std::string_view compiled) const;

 private:
  std::string PathOf(const std::string& content_hash, std::string_view key) const;
  void RemoveLeastRecentlyUsed() const;

  std::string directory_;
  std::uint64_t max_bytes_;
};

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_COMPILED_CACHE_H_
