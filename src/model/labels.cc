#include "model/labels.h"

#include <cstdint>

#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20U;

/// Length of the well-formed UTF-8 sequence (RFC 3629) at the start of `text`; 0 when there is none.
std::size_t SequenceLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) {
    return 1;
  }
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80) {
      return 0;
    }
  }
  // Overlong forms, surrogates, and code points above U+10FFFF show in the second byte.
  const auto second = static_cast<unsigned char>(text[1]);
  const bool malformed = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                         (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return malformed ? 0 : length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    if (length == 0) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseLabels(std::string_view text) {
  std::vector<std::string> labels;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (!IsUtf8(line)) {
      return absl::InvalidArgumentError(fmt::format("line {} is not UTF-8", labels.size() + 1));
    }
    labels.emplace_back(line);
  }
  while (!labels.empty() && labels.back().empty()) {
    labels.pop_back();
  }
  return labels;
}

absl::StatusOr<std::vector<std::string>> ReadLabels(const ModelFolder& folder, const std::string& name) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, folder.ReadFile(name, kMaxBytes));
  absl::StatusOr<std::vector<std::string>> labels = ParseLabels(text);
  return labels.ok() ? std::move(labels) : Annotate(labels.status(), name);
}

}  // namespace accelerd
