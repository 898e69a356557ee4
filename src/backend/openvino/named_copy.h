#ifndef ACCELERD_BACKEND_OPENVINO_NAMED_COPY_H_
#define ACCELERD_BACKEND_OPENVINO_NAMED_COPY_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "base/unique_fd.h"

namespace accelerd::openvino {

/// Bytes in memory under a path of this process, for a parser that opens paths only and goes by a file's name. Nobody
/// else can change them, nor what the path leads to. Movable.
class NamedCopy {
 public:
  /// `name` is that of the file. Uses a folder beneath $TMPDIR, or /tmp, for the name alone. kResourceExhausted: there
  /// is no memory. Other errors: that folder cannot be made.
  static absl::StatusOr<NamedCopy> Make(const std::string& name, std::string_view contents);

  NamedCopy(NamedCopy&& other) noexcept;
  NamedCopy& operator=(NamedCopy&&) = delete;
  ~NamedCopy();

  const std::string& path() const { return path_; }

 private:
  NamedCopy() = default;

  std::string name_;
  std::string folder_path_;
  UniqueFd folder_;
  UniqueFd contents_;
  std::string path_;
};

}  // namespace accelerd::openvino

#endif  // ACCELERD_BACKEND_OPENVINO_NAMED_COPY_H_
