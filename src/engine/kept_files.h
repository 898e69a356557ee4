#ifndef ACCELERD_ENGINE_KEPT_FILES_H_
#define ACCELERD_ENGINE_KEPT_FILES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/file_stamp.h"
#include "model/model_files.h"
#include "model/model_info.h"

namespace accelerd {

/// Copies of the files of models that serve. With a copy, a model can be loaded again after the loss of its device
/// although its files were changed, half overwritten or deleted in the meantime.
///
/// DIRECTORY/CONTENT_HASH/ holds the files of one model under fixed names: "model.xml" and "model.bin", "model.onnx"
/// with its external data, or "model.tflite". Models of the same contents share a copy, and so do processes with the
/// same directory. A copy may be damaged: whoever loads it compares the content hash. Copies that were not used for the
/// longest time are removed when all together exceed a bound. Thread-compatible.
class KeptFiles {
 public:
  static constexpr std::uint64_t kDefaultMaxBytes = std::uint64_t{2} << 30U;

  /// `directory` is created when something is kept; empty: nothing is kept.
  explicit KeptFiles(std::string directory, std::uint64_t max_bytes = kDefaultMaxBytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  /// Keeps a copy of the files that a model was made of (`info.files`), if there is none yet. Nothing is kept when the
  /// files are others by now than `stamps` says, or are larger than the bound. What goes wrong is logged. Blocks while
  /// it copies.
  void Put(const ModelFiles& files, const ModelInfo& info, const std::vector<FileStamp>& stamps);

  /// Returns the copy of files with these contents, of the same format as `files`; nullopt when there is none.
  std::optional<ModelFiles> Find(const ModelFiles& files, const std::string& content_hash) const;

  /// Drops the copy of files with these contents, which turned out to be damaged.
  void Remove(const std::string& content_hash) const;

 private:
  std::string FolderOf(const std::string& content_hash) const { return directory_ + "/" + content_hash; }
  absl::Status Copy(const ModelFiles& files, const ModelInfo& info, const std::vector<FileStamp>& stamps) const;
  void RemoveLeastRecentlyUsed() const;

  const std::string directory_;
  const std::uint64_t max_bytes_;
  bool warned_ = false;  ///< The log says already that copies cannot be made.
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_KEPT_FILES_H_
