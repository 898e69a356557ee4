#include "engine/file_stamp.h"

#include <sys/stat.h>

namespace accelerd {
namespace {

std::int64_t Nanoseconds(const timespec& time) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  return time.tv_sec * kPerSecond + time.tv_nsec;
}

FileStamp StampFile(const std::string& path) {
  struct stat file{};
  if (stat(path.c_str(), &file) != 0) {
    return {.path = path};
  }
  return {.path = path,
          .bytes = file.st_size,
          .modified_nanoseconds = Nanoseconds(file.st_mtim),
          .changed_nanoseconds = Nanoseconds(file.st_ctim),
          .inode = file.st_ino};
}

}  // namespace

std::vector<FileStamp> StampFiles(const std::vector<std::string>& paths) {
  std::vector<FileStamp> stamps;
  stamps.reserve(paths.size());
  for (const std::string& path : paths) {
    stamps.push_back(StampFile(path));
  }
  return stamps;
}

std::vector<std::string> ChangedFiles(const std::vector<FileStamp>& stamps) {
  std::vector<std::string> changed;
  for (const FileStamp& stamp : stamps) {
    if (StampFile(stamp.path) != stamp) {
      changed.push_back(stamp.path);
    }
  }
  return changed;
}

std::uint64_t TotalBytes(const std::vector<FileStamp>& stamps) {
  std::uint64_t bytes = 0;
  for (const FileStamp& stamp : stamps) {
    bytes += stamp.bytes > 0 ? static_cast<std::uint64_t>(stamp.bytes) : 0;
  }
  return bytes;
}

}  // namespace accelerd
