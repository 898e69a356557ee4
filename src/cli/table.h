#ifndef ACCELERD_CLI_TABLE_H_
#define ACCELERD_CLI_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace accelerd {

/// Rows of text in aligned columns, for people.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// REQUIRES: a cell for each column. Control characters are escaped.
  void AddRow(std::vector<std::string> cells);

  /// A line of titles and one for each row, two spaces between columns, none at a line's end. Widths count UTF-8
  /// characters.
  std::string Render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace accelerd

#endif  // ACCELERD_CLI_TABLE_H_
