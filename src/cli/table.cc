#include "cli/table.h"

#include <algorithm>
#include <cassert>

#include "base/printable.h"

namespace accelerd {
namespace {

std::size_t Width(const std::string& text) {
  // Every byte but UTF-8's continuation bytes begins a character.
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

void AppendCell(const std::string& cell, std::size_t width, Table::Align align, std::string& line) {
  const std::string padding(width - Width(cell), ' ');
  line += align == Table::Align::kRight ? padding + cell : cell + padding;
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  assert(cells.size() == columns_.size());
  std::transform(cells.begin(), cells.end(), cells.begin(), Printable);
  rows_.push_back(std::move(cells));
}

std::string Table::Render() const {
  std::vector<std::string> titles;
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    titles.push_back(columns_[i].title);
    std::size_t width = Width(columns_[i].title);
    for (const std::vector<std::string>& row : rows_) {
      width = std::max(width, Width(row[i]));
    }
    widths.push_back(width);
  }
  std::string text;
  const auto append_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      line += i == 0 ? "" : "  ";
      AppendCell(cells[i], widths[i], columns_[i].align, line);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  append_line(titles);
  std::for_each(rows_.begin(), rows_.end(), append_line);
  return text;
}

}  // namespace accelerd
