#include "engine/file_stamp.h"

#include <sys/stat.h>

namespace accelerd {
namespace {

FileStamp StampFile(const std::string& path) {
  struct stat file{};
  if (stat(path.c_str(), &file) != 0) {
    return {.path = path};
  }
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  return {.path = path,
          .bytes = file.st_size,
          .modified_nanoseconds = file.st_mtim.tv_sec * kNanosecondsPerSecond + file.st_mtim.tv_nsec};
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

}  // namespace accelerd
