#include "engine/canary_store.h"

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxFileBytes = 64 << 20;
constexpr std::size_t kDigestBytes = 64;  // In hexadecimal.

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

}  // namespace

std::string CanaryStore::PathOf(const std::string& key) const {
  return fmt::format("{}/canaries/{}", directory_, ToHex(Sha256Of(key)));
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
  return reference;
}

void CanaryStore::Put(const std::string& key, CanaryReference reference) {
  if (persistent()) {
    const absl::Status written = Write(key, reference);
    if (written.ok()) {
      return;
    }
    LogWarning("canary", fmt::format("a reference is kept in memory only: {}", Message(written)));
  }
  unwritten_[key] = std::move(reference);
}

absl::Status CanaryStore::Write(const std::string& key, const CanaryReference& reference) const {
  const std::string body = Encode(reference);
  const std::string digest = ToHex(Sha256Of(body));
  ACCELERD_RETURN_IF_ERROR(MakeDirectories(directory_ + "/canaries"));
  return WriteFileAtomically(PathOf(key), std::array<std::string_view, 2>{digest, body});
}

}  // namespace accelerd
