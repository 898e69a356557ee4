#include "model/labels_file.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "base/parse_toml.h"
#include "model/model_folder.h"

namespace accelerd {

std::string FindLabelsFile(const ModelFiles& files) {
  constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20U;
  const std::filesystem::path card(files.card);
  const absl::StatusOr<ModelFolder> folder = ModelFolder::Open(files);
  const absl::StatusOr<std::string> text = folder.ok() ? folder->ReadFile(card.filename(), kMaxBytes) : folder.status();
  const absl::StatusOr<toml::table> table = text.ok() ? ParseToml(*text, files.card) : text.status();
  const toml::node* const labels = table.ok() ? table->get("labels") : nullptr;
  const std::filesystem::path name = labels == nullptr ? "" : labels->value<std::string>().value_or("");
  // Only a file beside the card is ever read.
  const bool beside = !name.empty() && name.is_relative() && std::ranges::count(name, std::filesystem::path("..")) == 0;
  return beside ? (card.parent_path() / name).string() : std::string();
}

}  // namespace accelerd
