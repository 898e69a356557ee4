#include "engine/kept_files.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/stored_entries.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kAnySize = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kUnfinished = ".new-";
constexpr std::chrono::hours kUnfinishedLasts{24};

/// SHA-256 in hexadecimal. Worker programs choose it, so it is checked before it becomes part of a path.
bool IsContentHash(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string_view MainName(ModelFormat format) {
  switch (format) {
    case ModelFormat::kOpenvinoIr:
      return "model.xml";
    case ModelFormat::kOnnx:
      return "model.onnx";
    case ModelFormat::kTflite:
      break;
  }
  return "model.tflite";
}

/// Returns the name of a model's file in its copy. kFailedPrecondition: the file lies elsewhere than beside or below
/// the main file, so that the copy would not be found as the original is.
absl::StatusOr<fs::path> NameInCopy(const ModelFiles& files, const fs::path& file) {
  const fs::path main(files.main);
  if (file == main) {
    return fs::path(MainName(files.format));
  }
  const std::string extension = file.extension();
  if (files.format == ModelFormat::kOpenvinoIr && file.stem() == main.stem() &&
      (extension == ".bin" || extension == ".BIN")) {
    return fs::path("model.bin");
  }
  fs::path name = file.lexically_relative(main.parent_path());
  if (name.empty() || *name.begin() == ".." || name == MainName(files.format)) {
    return absl::FailedPreconditionError(fmt::format("{} does not lie beside {}", file.string(), main.string()));
  }
  return name;
}

absl::Status CopyOne(const InputFolder& folder, const std::string& name, const fs::path& target) {
  constexpr std::size_t kChunk = std::size_t{1} << 20U;
  ACCELERD_ASSIGN_OR_RETURN(InputFile source, folder.OpenLinkedFile(name, kAnySize));
  ACCELERD_RETURN_IF_ERROR(MakeDirectories(target.parent_path()));
  std::ofstream copy(target, std::ios::binary);
  std::vector<char> chunk(std::min(kChunk, source.size()));
  for (std::size_t left = source.size(); left > 0 && copy.good();) {
    const std::span<char> part(chunk.data(), std::min(left, chunk.size()));
    ACCELERD_RETURN_IF_ERROR(source.Read(std::as_writable_bytes(part)));
    copy.write(part.data(), static_cast<std::streamsize>(part.size()));
    left -= part.size();
  }
  copy.close();
  return copy.good() ? absl::OkStatus() : absl::UnavailableError(fmt::format("cannot write {}", target.string()));
}

std::uint64_t BytesBelow(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator file(folder, error), end; !error && file != end; file.increment(error)) {
    std::error_code ignored;
    if (file->is_regular_file(ignored)) {
      bytes += file->file_size(ignored);
    }
  }
  return bytes;
}

}  // namespace

void KeptFiles::Put(const ModelFiles& files, const ModelInfo& info, const std::vector<FileStamp>& stamps) {
  if (directory_.empty() || !IsContentHash(info.content_hash) || TotalBytes(stamps) > max_bytes_ ||
      Find(files, info.content_hash)) {
    return;
  }
  const absl::Status copied = Copy(files, info, stamps);
  if (copied.ok()) {
    RemoveLeastRecentlyUsed();
  } else if (!absl::IsAborted(copied) && !std::exchange(warned_, true)) {
    LogWarning("models", fmt::format("no copy of {} is kept, so that a change of the file can make its model "
                                     "UNAVAILABLE when the device is lost: {}",
                                     files.main, Message(copied)));
  }
}

absl::Status KeptFiles::Copy(const ModelFiles& files, const ModelInfo& info,
                             const std::vector<FileStamp>& stamps) const {
  const fs::path parent = fs::path(files.main).parent_path();
  ACCELERD_ASSIGN_OR_RETURN(const InputFolder folder, InputFolder::Open(parent, files.root));
  const fs::path unfinished = fmt::format("{}/{}{}-{}", directory_, kUnfinished, getpid(),
                                          std::chrono::steady_clock::now().time_since_epoch().count());
  absl::Status status = MakeDirectories(unfinished);
  for (const std::string& file : info.files) {
    const absl::StatusOr<fs::path> name = NameInCopy(files, file);
    if (status.ok()) {
      status =
          name.ok() ? CopyOne(folder, fs::path(file).lexically_relative(parent), unfinished / *name) : name.status();
    }
  }
  // Only an unchanged file is the one that was loaded.
  if (status.ok() && !ChangedFiles(stamps).empty()) {
    status = absl::AbortedError("the files changed while they were copied");
  }
  if (status.ok()) {
    std::error_code error;
    fs::rename(unfinished, FolderOf(info.content_hash), error);
    const bool another_was_faster = error && Find(files, info.content_hash);
    status = error && !another_was_faster
                 ? absl::UnavailableError(fmt::format("cannot rename {}: {}", unfinished.string(), error.message()))
                 : absl::OkStatus();
  }
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);  // Whatever was not renamed.
  return status;
}

std::optional<ModelFiles> KeptFiles::Find(const ModelFiles& files, const std::string& content_hash) const {
  if (directory_.empty() || !IsContentHash(content_hash)) {
    return std::nullopt;
  }
  const fs::path folder = FolderOf(content_hash);
  const fs::path main = folder / MainName(files.format);
  std::error_code error;
  if (!fs::is_regular_file(main, error)) {
    return std::nullopt;
  }
  std::error_code ignored;  // A copy that cannot be touched is used all the same.
  fs::last_write_time(folder, fs::file_time_type::clock::now(), ignored);
  return ModelFiles{.main = main, .format = files.format, .card = folder / "model.toml"};
}

void KeptFiles::Remove(const std::string& content_hash) const {
  std::error_code ignored;
  if (IsContentHash(content_hash)) {
    fs::remove_all(FolderOf(content_hash), ignored);
  }
}

void KeptFiles::RemoveLeastRecentlyUsed() const {
  std::vector<StoredEntry> entries;
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  for (fs::directory_iterator entry(directory_, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename();
    const fs::file_time_type last_used = entry->last_write_time(ignored);
    if (name.starts_with(kUnfinished) && now - last_used > kUnfinishedLasts) {
      fs::remove_all(entry->path(), ignored);  // A process ended while it copied.
    } else if (IsContentHash(name)) {
      entries.push_back({last_used, BytesBelow(entry->path()), entry->path()});
    }
  }
  ForEachBeyond(std::move(entries), max_bytes_, [](const fs::path& path) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  });
}

}  // namespace accelerd
