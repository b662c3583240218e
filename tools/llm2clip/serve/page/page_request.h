#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llm2clip::serve {

/// Images on a page, and the most that it can be asked for.
inline constexpr std::size_t kPageHits = 48;
inline constexpr std::size_t kMostPageHits = 960;

/// What the page is asked for by its address: "q=a+red+ring&index=photos".
struct PageRequest {
  std::string query;                  ///< words to look for; empty: none
  std::optional<std::uint64_t> like;  ///< a row to find more like
  std::optional<std::string> index;   ///< name; none: the first there is
  std::size_t count = kPageHits;      ///< of images
};

/// Reads what is behind the question mark. What it does not know it passes over.
/// Throws ApiError(400) for what is no form, 413 for a query that is too long.
PageRequest read_page_request(std::string_view query);

/// A row of an index that the page shows.
struct PageRow {
  std::string index;
  std::uint64_t row = 0;
};

/// Reads "index=photos&row=12". Throws ApiError(400).
PageRow read_page_row(std::string_view query);

/// `text` as a value in an address.
std::string address_text(std::string_view text);

}  // namespace llm2clip::serve
