#include "backend/openvino/compiled_cache.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "backend/openvino/core.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stored_entries.h"
#include "fmt/core.h"

namespace accelerd::openvino {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kComponent = "compiled cache";

// A file is kMagic, the digest, the compiled bytes. The number is the version of this format.
constexpr std::string_view kMagic = "accelerd compiled model 1\n";

std::string_view View(const Sha256::Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Sha256::Digest DigestOf(std::string_view content_hash, std::string_view key, std::span<const std::byte> compiled) {
  Sha256 hash;
  hash.Update(View(Sha256Of(content_hash)));
  hash.Update(View(Sha256Of(key)));
  hash.Update(compiled);
  return hash.Finish();
}

/// Reads and verifies the file at `path`. kNotFound: there is none. kInvalidArgument: it is damaged.
absl::StatusOr<ov::Tensor> ReadEntry(const std::string& path, std::string_view content_hash, std::string_view key,
                                     std::uint64_t max_bytes) {
  ACCELERD_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path, max_bytes));
  std::array<std::byte, kMagic.size()> magic{};
  Sha256::Digest digest{};
  if (file.size() < magic.size() + digest.size()) {
    return absl::InvalidArgumentError("it is truncated");
  }
  ACCELERD_RETURN_IF_ERROR(file.Read(magic));
  ACCELERD_RETURN_IF_ERROR(file.Read(std::as_writable_bytes(std::span(digest))));
  const std::size_t size = file.size() - magic.size() - digest.size();
  ACCELERD_ASSIGN_OR_RETURN(ov::Tensor compiled, Guard(absl::StatusCode::kResourceExhausted, "no memory",
                                                       [&] { return ov::Tensor(ov::element::u8, ov::Shape{size}); }));
  const std::span<std::byte> bytes(static_cast<std::byte*>(compiled.data()), size);
  ACCELERD_RETURN_IF_ERROR(file.Read(bytes));
  if (std::memcmp(magic.data(), kMagic.data(), kMagic.size()) != 0 || digest != DigestOf(content_hash, key, bytes)) {
    return absl::InvalidArgumentError("its checksum is wrong");
  }
  return compiled;
}

/// The names of this cache's folders: SHA-256 in hexadecimal. Whatever else lies in the directory is not touched.
bool IsContentHash(std::string_view name) {
  return name.size() == 64 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Every file in the cache's folders; files that interrupted writes left are among them and age like the rest.
std::vector<StoredEntry> ListEntries(const std::string& directory) {
  std::vector<StoredEntry> entries;
  for (const fs::directory_entry& folder : fs::directory_iterator(directory)) {
    if (!folder.is_directory() || !IsContentHash(folder.path().filename().native())) {
      continue;
    }
    for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
      if (file.is_regular_file()) {
        entries.push_back({file.last_write_time(), file.file_size(), file.path()});
      }
    }
  }
  return entries;
}

}  // namespace

CompiledCache::CompiledCache(std::string directory, std::uint64_t max_bytes)
    : directory_(std::move(directory)), max_bytes_(max_bytes) {}

std::string CompiledCache::PathOf(const std::string& content_hash, std::string_view key) const {
  return fmt::format("{}/{}/{}.blob", directory_, content_hash, ToHex(Sha256Of(key)));
}

std::optional<ov::Tensor> CompiledCache::Find(const std::string& content_hash, std::string_view key) const {
  const std::string path = PathOf(content_hash, key);
  absl::StatusOr<ov::Tensor> entry = ReadEntry(path, content_hash, key, max_bytes_);
  if (!entry.ok()) {
    if (!absl::IsNotFound(entry.status())) {
      LogWarning(kComponent, fmt::format("{} is not used: {}", path, Message(entry.status())));
    }
    return std::nullopt;
  }
  std::error_code ignored;  // A cache that cannot be written is used all the same.
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return *std::move(entry);
}

void CompiledCache::Store(const std::string& content_hash, std::string_view key, std::string_view compiled) const {
  if (compiled.size() > max_bytes_) {
    return;
  }
  const std::string path = PathOf(content_hash, key);
  const Sha256::Digest digest = DigestOf(content_hash, key, std::as_bytes(std::span(compiled)));
  const std::array<std::string_view, 3> parts = {kMagic, View(digest), compiled};
  absl::Status status = MakeDirectories(fs::path(path).parent_path());
  if (status.ok()) {
    status = WriteFileAtomically(path, parts);
  }
  if (!status.ok()) {
    LogWarning(kComponent, fmt::format("a compiled model is not kept: {}", Message(status)));
    return;
  }
  RemoveLeastRecentlyUsed();
}

void CompiledCache::RemoveLeastRecentlyUsed() const {
  const absl::Status status = Guard(absl::StatusCode::kInternal, "cannot tidy up", [this] {
    ForEachBeyond(ListEntries(directory_), max_bytes_, [](const fs::path& path) {
      std::error_code ignored;
      fs::remove(path, ignored);
      fs::remove(path.parent_path(), ignored);  // Only when it is empty.
    });
  });
  if (!status.ok()) {
    LogWarning(kComponent, Message(status));
  }
}

}  // namespace accelerd::openvino
