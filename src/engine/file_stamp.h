#ifndef ACCELERD_ENGINE_FILE_STAMP_H_
#define ACCELERD_ENGINE_FILE_STAMP_H_

#include <cstdint>
#include <string>
#include <vector>

namespace accelerd {

/// What tells cheaply that a file has changed, also when its size and its time of modification were preserved.
struct FileStamp {
  std::string path;
  std::int64_t bytes = -1;              ///< -1: there is no such file.
  std::int64_t modified_nanoseconds{};  ///< Since the epoch.
  std::int64_t changed_nanoseconds{};   ///< Change time of the inode, which no program can set, since the epoch.
  std::uint64_t inode{};

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

std::vector<FileStamp> StampFiles(const std::vector<std::string>& paths);

/// Returns the paths whose stamps are others by now.
std::vector<std::string> ChangedFiles(const std::vector<FileStamp>& stamps);

/// Returns the size of the files together; those that do not exist count nothing.
std::uint64_t TotalBytes(const std::vector<FileStamp>& stamps);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_FILE_STAMP_H_
