#include "engine/canary_store.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stored_entries.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 64 << 20;
constexpr std::size_t kDigestBytes = 64;  // In hexadecimal.
constexpr std::uint64_t kBlockBytes = 4 << 10;

std::string Encode(const CanaryReference& reference) {
  json outputs = json::array();
  for (const OutputSample& output : reference.outputs) {
    outputs.push_back({{"shape", std::vector<std::int64_t>(output.shape.begin(), output.shape.end())},
                       {"integer", output.integer},
                       {"values", output.values}});
  }
  const std::vector<std::uint8_t> bytes =
      json::to_cbor({{"repeatable", reference.repeatable}, {"outputs", std::move(outputs)}});
  return {bytes.begin(), bytes.end()};
}

std::optional<CanaryReference> Decode(std::string_view text) {
  try {
    const json body = json::from_cbor(text);
    CanaryReference reference{.repeatable = body.at("repeatable").get<bool>(), .outputs = {}};
    for (const json& item : body.at("outputs")) {
      const auto shape = item.at("shape").get<std::vector<std::int64_t>>();
      reference.outputs.push_back({.shape = Shape(shape.begin(), shape.end()),
                                   .integer = item.at("integer").get<bool>(),
                                   .values = item.at("values").get<std::vector<double>>()});
    }
    return reference;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

/// Whether a file of that name is one of the store's: SHA-256 in hexadecimal, with an ending while it is written. What
/// interrupted writes left ages like the rest; whatever else lies in the folder is not touched.
bool IsStored(std::string_view name) {
  const std::string_view hash = name.substr(0, name.find('.'));
  return hash.size() == kDigestBytes && hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// None where the folder cannot be read.
std::vector<StoredEntry> ListFiles(const std::string& folder) {
  std::vector<StoredEntry> files;
  std::error_code error;
  for (fs::directory_iterator file(folder, error); !error && file != fs::directory_iterator(); file.increment(error)) {
    std::error_code gone;  // Another process may have removed it.
    const fs::file_time_type last_used = file->last_write_time(gone);
    const std::uint64_t bytes = gone ? 0 : file->file_size(gone);
    if (!gone && IsStored(file->path().filename().native())) {
      files.push_back({last_used, (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes, file->path()});
    }
  }
  return files;
}

}  // namespace

std::string CanaryStore::PathOf(const std::string& key) const {
  return fmt::format("{}/{}", Folder(), ToHex(Sha256Of(key)));
}

std::optional<CanaryReference> CanaryStore::Find(const std::string& key) {
  if (const auto known = unwritten_.find(key); known != unwritten_.end()) {
    return known->second;
  }
  if (!persistent()) {
    return std::nullopt;
  }
  const absl::StatusOr<std::string> file = ReadFile(PathOf(key), kMaxFileBytes);
  if (!file.ok()) {
    return std::nullopt;
  }
  const std::string_view digest = std::string_view(*file).substr(0, kDigestBytes);
  const std::string_view body = std::string_view(*file).substr(digest.size());
  std::optional<CanaryReference> reference = ToHex(Sha256Of(body)) == digest ? Decode(body) : std::nullopt;
  if (!reference) {
    LogWarning("canary", fmt::format("{} is damaged and made anew", PathOf(key)));
  }
  std::error_code ignored;  // What cannot be written is used all the same.
  fs::last_write_time(PathOf(key), fs::file_time_type::clock::now(), ignored);
  return reference;
}

void CanaryStore::Put(const std::string& key, CanaryReference reference) {
  if (persistent()) {
    const absl::Status written = Write(key, reference);
    if (written.ok()) {
      RemoveLeastRecentlyUsed(PathOf(key));
      return;
    }
    LogWarning("canary", fmt::format("a reference is kept in memory only: {}", Message(written)));
  }
  unwritten_[key] = std::move(reference);
}

absl::Status CanaryStore::Write(const std::string& key, const CanaryReference& reference) const {
  const std::string body = Encode(reference);
  const std::string digest = ToHex(Sha256Of(body));
  ACCELERD_RETURN_IF_ERROR(MakeDirectories(Folder()));
  return WriteFileAtomically(PathOf(key), std::array<std::string_view, 2>{digest, body});
}

void CanaryStore::RemoveLeastRecentlyUsed(const std::string& kept) const {
  ForEachBeyond(ListFiles(Folder()), max_bytes_, [&kept](const fs::path& path) {
    if (path != kept) {
      std::error_code ignored;
      fs::remove(path, ignored);
    }
  });
}

}  // namespace accelerd
