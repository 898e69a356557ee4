#include "cli/present.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <variant>

#include "base/parse_json.h"
#include "cli/console.h"
#include "cli/npy_reader.h"
#include "cli/table.h"
#include "fmt/core.h"
#include "fmt/ranges.h"

namespace accelerd {
namespace {

using Json = nlohmann::json;
constexpr std::size_t kFirstValues = 8;

absl::Status Unexpected(std::string_view what) {
  return absl::UnknownError(fmt::format("the answer is not {}: is this an accelerd service?", what));
}

/// "value" of a number for people; what is missing stays empty.
std::string Cell(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? std::string() : found->dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string LabelOf(std::int64_t index, const Labels& labels) {
  const bool known = index >= 0 && static_cast<std::uint64_t>(index) < labels.size();
  return known ? labels[static_cast<std::size_t>(index)] : std::string();
}

std::string LabelOf(const Json& object, const Labels& labels) {
  const auto found = object.find("class");
  return found != object.end() && found->is_number_integer() ? LabelOf(found->get<std::int64_t>(), labels)
                                                             : std::string();
}

/// A table of the fields of an array of objects.
absl::StatusOr<Presentation> PresentObjects(std::string_view body, std::span<const char* const> keys,
                                            const Labels& labels) {
  Presentation result{ParseJson(body).value_or(Json()), {}};
  const auto is_object = [](const Json& row) { return row.is_object(); };
  if (!result.json.is_array() || !std::all_of(result.json.begin(), result.json.end(), is_object)) {
    return Unexpected("a list of results");
  }
  std::vector<Table::Column> columns;
  for (std::string title : keys) {
    std::transform(title.begin(), title.end(), title.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
    columns.push_back({title});
  }
  if (!labels.empty()) {
    columns.push_back({"LABEL", Table::Align::kLeft});
  }
  Table table(columns);
  for (const Json& row : result.json) {
    std::vector<std::string> cells;
    for (const char* key : keys) {
      cells.push_back(Cell(row, key));
    }
    if (!labels.empty()) {
      cells.push_back(LabelOf(row, labels));
    }
    table.AddRow(std::move(cells));
  }
  result.text = table.Render();
  return result;
}

std::string ValueText(const NpyValue& value) {
  return std::visit([](auto number) { return fmt::format("{}", number); }, value);
}

double ToDouble(const NpyValue& value) {
  return std::visit([](auto number) { return static_cast<double>(number); }, value);
}

std::string ArrayText(const NpyArray& array) {
  std::string text = fmt::format("shape   {}\ntype    {}\n", NpyShapeText(array.shape()), array.type_name());
  if (array.size() == 0) {
    return text;
  }
  NpyValue least = array[0];
  NpyValue most = array[0];
  std::vector<std::string> first;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const NpyValue value = array[i];
    least = ToDouble(value) < ToDouble(least) ? value : least;
    most = ToDouble(value) > ToDouble(most) ? value : most;
    if (i < kFirstValues) {
      first.push_back(ValueText(value));
    }
  }
  const std::string rest = array.size() > kFirstValues ? fmt::format(" ... ({} in all)", array.size()) : std::string();
  return text + fmt::format("range   {} to {}\nvalues  {}{}\n", ValueText(least), ValueText(most),
                            fmt::join(first, " "), rest);
}

}  // namespace

absl::StatusOr<Presentation> PresentClasses(std::string_view body, const Labels& labels) {
  static constexpr std::array<const char*, 2> kKeys = {"class", "score"};
  return PresentObjects(body, kKeys, labels);
}

absl::StatusOr<Presentation> PresentDetections(std::string_view body, const Labels& labels) {
  static constexpr std::array<const char*, 6> kKeys = {"class", "score", "x", "y", "w", "h"};
  return PresentObjects(body, kKeys, labels);
}

absl::StatusOr<Presentation> PresentArray(std::string_view npy) {
  ACCELERD_ASSIGN_OR_RETURN(const NpyArray array, NpyArray::Parse(npy));
  Json values = Json::array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    values.push_back(std::visit([](auto value) { return Json(value); }, array[i]));
  }
  return Presentation{{{"dtype", array.type_name()}, {"shape", array.shape()}, {"values", std::move(values)}},
                      ArrayText(array)};
}

absl::StatusOr<ClassMask> ParseMask(std::string_view npy) {
  ACCELERD_ASSIGN_OR_RETURN(const NpyArray array, NpyArray::Parse(npy));
  if (array.shape().size() != 2) {
    return Unexpected("a class map of rows and columns");
  }
  ClassMask mask{array.shape()[0], array.shape()[1], {}};
  mask.classes.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const NpyValue value = array[i];
    const auto* index = std::get_if<std::int64_t>(&value);
    if (index == nullptr || *index < std::numeric_limits<std::int32_t>::min() ||
        *index > std::numeric_limits<std::int32_t>::max()) {
      return Unexpected("a class map of integers");
    }
    mask.classes.push_back(static_cast<std::int32_t>(*index));
  }
  return mask;
}

Presentation PresentMask(const ClassMask& mask, const Labels& labels) {
  std::map<std::int32_t, std::int64_t> pixels;
  for (const std::int32_t index : mask.classes) {
    ++pixels[index];
  }
  std::vector<Table::Column> columns = {{"CLASS"}, {"PIXELS"}, {"SHARE"}};
  if (!labels.empty()) {
    columns.push_back({"LABEL", Table::Align::kLeft});
  }
  Table table(columns);
  Json classes = Json::array();
  for (const auto& [index, count] : pixels) {
    classes.push_back({{"class", index}, {"pixels", count}});
    const double share = 100.0 * static_cast<double>(count) / static_cast<double>(mask.classes.size());
    std::vector<std::string> cells = {fmt::format("{}", index), fmt::format("{}", count),
                                      fmt::format("{:.1f} %", share)};
    if (!labels.empty()) {
      cells.push_back(LabelOf(index, labels));
    }
    table.AddRow(std::move(cells));
  }
  return {{{"rows", mask.rows}, {"columns", mask.columns}, {"classes", std::move(classes)}}, table.Render()};
}

absl::StatusOr<Labels> ReadLabelLines(const std::string& path) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string text, ReadInput(path));
  Labels labels;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = std::string_view(text).substr(begin, end - begin);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    labels.emplace_back(line);
    begin = end + 1;
  }
  return labels;
}

}  // namespace accelerd
