#include "model/zip_member.h"

#include <zip.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kEndBytes = 22;                    // Of the record at the end of an archive, without its comment.
constexpr std::size_t kMaxCommentBytes = 65'535;         // By the format.
constexpr std::uint32_t kMaxDirectoryBytes = 1U << 20U;  // Of the list of members, which is held in memory.

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

std::uint32_t NumberAt(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < sizeof(number); ++i) {
    number |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8U * i);
  }
  return number;
}

/// The archive that ends the file, from where its offsets count: the start of the file, or of the archive. Empty when
/// there is none, or its list of members is too large to be read.
std::string_view FindArchive(std::string_view file) {
  const std::size_t tail = file.size() - std::min(file.size(), kEndBytes + kMaxCommentBytes);
  const std::size_t end_in_tail = file.substr(tail).rfind("PK\x05\x06");
  const std::size_t end = tail + end_in_tail;
  if (end_in_tail == std::string_view::npos || file.size() - end < kEndBytes) {
    return {};
  }
  constexpr std::size_t kDirectoryBytesAt = 12;
  constexpr std::size_t kDirectoryOffsetAt = 16;
  const std::size_t bytes = NumberAt(file, end + kDirectoryBytesAt);
  const std::size_t offset = NumberAt(file, end + kDirectoryOffsetAt);
  return bytes <= kMaxDirectoryBytes && bytes + offset <= end ? file.substr(end - bytes - offset) : std::string_view();
}

absl::Status Damaged(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("the zip archive at its end is damaged: {}", why));
}

}  // namespace

absl::StatusOr<std::string> ReadZipMember(std::string_view file, const std::string& name, std::size_t max_bytes) {
  const std::string_view bytes = FindArchive(file);
  if (bytes.empty()) {
    return absl::NotFoundError("there is no zip archive at its end");
  }
  zip_error_t error{};
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), /*freep=*/0, &error);
  const std::unique_ptr<zip_t, CloseArchive> archive(
      source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive == nullptr) {
    zip_source_free(source);  // An archive owns its source.
    return Damaged(zip_error_strerror(&error));
  }
  zip_stat_t status{};
  if (zip_stat(archive.get(), name.c_str(), 0, &status) != 0 || (status.valid & ZIP_STAT_SIZE) == 0) {
    return absl::NotFoundError(fmt::format("the zip archive at its end has no {}", name));
  }
  if (status.size > max_bytes) {
    return absl::InvalidArgumentError(fmt::format("{} has {} bytes; the limit is {}", name, status.size, max_bytes));
  }
  const std::unique_ptr<zip_file_t, CloseMember> member(zip_fopen_index(archive.get(), status.index, 0));
  if (member == nullptr) {
    return Damaged(zip_strerror(archive.get()));
  }
  std::string contents(status.size, '\0');
  const zip_int64_t count = zip_fread(member.get(), contents.data(), contents.size());
  if (count < 0 || static_cast<std::size_t>(count) != contents.size()) {
    return Damaged(fmt::format("{} is not whole", name));
  }
  return contents;
}

}  // namespace accelerd
