#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace llm2clip::cli {

/// How a column is laid out and what happens when the line is too long for the terminal.
struct Column {
  enum class Cut {
    never,
    end,    ///< labels: "a photo of a…"
    start,  ///< paths: "…/holiday/beach.jpg"
  };
  std::string title;
  std::size_t width = 0;  ///< of the widest cell below the title
  bool right = false;     ///< numbers
  Cut cut = Cut::never;
};

/// Lines of cells in aligned columns, two spaces apart. Widths are fixed before the first line, so
/// that lines can be printed as they come. Cells are made printable().
class Table {
 public:
  /// `columns_available` 0 means no limit.
  Table(std::vector<Column> columns, std::size_t columns_available);

  std::string titles() const;
  std::string line(const std::vector<std::string>& cells) const;

 private:
  std::string cell(const std::string& text, const Column& column, bool last) const;

  std::vector<Column> columns_;
};

/// The widest of `cells` as Table prints them.
std::size_t widest(const std::vector<std::string>& cells);

}  // namespace llm2clip::cli
