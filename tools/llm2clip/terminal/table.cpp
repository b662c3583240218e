#include "terminal/table.h"

#include <algorithm>
#include <utility>

#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastWidth = 8;  // a cut column keeps this much

std::size_t total_width(const std::vector<Column>& columns) {
  std::size_t total = kGap * (columns.size() - 1);
  for (const Column& column : columns) total += column.width;
  return total;
}

// Takes one column at a time from the widest column that may be cut.
void shrink(std::vector<Column>& columns, std::size_t available) {
  while (total_width(columns) > available) {
    Column* widest_column = nullptr;
    for (Column& column : columns) {
      const bool may_shrink = column.cut != Column::Cut::never && column.width > kLeastWidth;
      if (may_shrink && (widest_column == nullptr || column.width > widest_column->width)) {
        widest_column = &column;
      }
    }
    if (widest_column == nullptr) return;
    --widest_column->width;
  }
}

}  // namespace

Table::Table(std::vector<Column> columns, std::size_t columns_available)
    : columns_(std::move(columns)) {
  for (Column& column : columns_) {
    column.width = std::max(column.width, display_width(column.title));
  }
  if (columns_available > 0) shrink(columns_, columns_available);
}

std::string Table::titles() const {
  std::vector<std::string> cells;
  for (const Column& column : columns_) cells.push_back(column.title);
  return line(cells);
}

std::string Table::line(const std::vector<std::string>& cells) const {
  std::string text;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) text.append(kGap, ' ');
    text += cell(cells[i], columns_[i], i + 1 == cells.size());
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Table::cell(const std::string& text, const Column& column, bool last) const {
  std::string shown = printable(text);
  if (column.cut == Column::Cut::end) shown = cut_end(shown, column.width);
  if (column.cut == Column::Cut::start) shown = cut_start(shown, column.width);
  const std::size_t width = display_width(shown);
  const std::string padding(width < column.width ? column.width - width : 0, ' ');
  if (column.right) return padding + shown;
  return last ? shown : shown + padding;
}

std::size_t widest(const std::vector<std::string>& cells) {
  std::size_t width = 0;
  for (const std::string& cell : cells) width = std::max(width, display_width(printable(cell)));
  return width;
}

}  // namespace llm2clip::cli
