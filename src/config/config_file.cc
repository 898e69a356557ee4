#include "config/config_file.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/parse_toml.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

std::string Place(const std::string& path, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", path, source.begin.line, source.begin.column);
}

std::string_view TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a floating-point number";
    case toml::node_type::boolean:
      return "a boolean";
    default:
      return "a date or a time";
  }
}

void ReadArray(const toml::array& array, FileEntry& entry) {
  entry.type = FileEntry::Type::kStringArray;
  for (const toml::node& element : array) {
    if (!element.is_string()) {
      entry.type = FileEntry::Type::kOther;
      entry.type_name = fmt::format("an array with {} in it", TypeName(element));
      entry.texts.clear();
      return;
    }
    entry.texts.push_back(element.as_string()->get());
  }
}

FileEntry ReadEntry(const toml::key& key, const toml::node& node, const std::string& path) {
  FileEntry entry;
  entry.key = std::string(key.str());
  entry.place = Place(path, key.source());
  entry.type_name = TypeName(node);
  if (const auto* text = node.as_string()) {
    entry.type = FileEntry::Type::kString;
    entry.texts = {text->get()};
  } else if (const auto* integer = node.as_integer()) {
    const bool octal = (integer->flags() & toml::value_flags::format_as_octal) != toml::value_flags::none;
    entry.type = FileEntry::Type::kInteger;
    entry.texts = {octal ? fmt::format("0o{:o}", integer->get()) : fmt::format("{}", integer->get())};
  } else if (const auto* number = node.as_floating_point()) {
    entry.type = FileEntry::Type::kFloat;
    entry.texts = {fmt::format("{}", number->get())};
  } else if (const auto* boolean = node.as_boolean()) {
    entry.type = FileEntry::Type::kBoolean;
    entry.texts = {boolean->get() ? "true" : "false"};
  } else if (const auto* array = node.as_array()) {
    ReadArray(*array, entry);
  }
  return entry;
}

}  // namespace

absl::StatusOr<std::vector<FileEntry>> ParseConfigFile(std::string_view text, const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(const toml::table table, ParseToml(text, path));
  std::vector<std::pair<toml::source_position, FileEntry>> placed;
  for (const auto& [key, node] : table) {
    placed.emplace_back(key.source().begin, ReadEntry(key, node, path));
  }
  std::sort(placed.begin(), placed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<FileEntry> entries;
  for (auto& [position, entry] : placed) {
    entries.push_back(std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::vector<FileEntry>> ReadConfigFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes);
  if (!text.ok()) {
    return absl::InvalidArgumentError(fmt::format("configuration file: {}", Message(text.status())));
  }
  return ParseConfigFile(*text, path);
}

}  // namespace accelerd
