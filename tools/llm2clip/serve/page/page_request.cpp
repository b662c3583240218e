#include "serve/page/page_request.h"

#include <algorithm>
#include <boost/url/encode.hpp>
#include <boost/url/params_view.hpp>
#include <boost/url/parse_query.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <charconv>
#include <map>

#include "serve/api/api_error.h"
#include "serve/api/input_forms.h"

namespace urls = boost::urls;

namespace llm2clip::serve {
namespace {

using FormFields = std::map<std::string, std::string, std::less<>>;

// The fields of a form. Of two with one name the last counts.
FormFields fields_of(std::string_view query) {
  const auto parsed = urls::parse_query({query.data(), query.size()});
  if (!parsed) throw bad_request("", "the address has something that must be escaped");
  urls::encoding_opts options;
  options.space_as_plus = true;
  FormFields fields;
  for (const auto& field : urls::params_view(*parsed, options)) {
    fields.insert_or_assign(field.key, field.value);
  }
  return fields;
}

std::string text_in(const FormFields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

std::optional<std::uint64_t> number_in(const FormFields& fields, std::string_view name) {
  const std::string text = text_in(fields, name);
  if (text.empty()) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end) return number;
  throw bad_request(std::string(name), std::string(name) + ": a number is expected");
}

}  // namespace

PageRequest read_page_request(std::string_view query) {
  const FormFields fields = fields_of(query);
  PageRequest request;
  request.query = text_in(fields, "q");
  if (request.query.size() > kMostTextBytes) throw too_large("q", "q: is too long");
  request.like = number_in(fields, "like");
  if (!text_in(fields, "index").empty()) request.index = text_in(fields, "index");
  const std::uint64_t count = number_in(fields, "count").value_or(kPageHits);
  request.count = std::clamp<std::uint64_t>(count, 1, kMostPageHits);
  return request;
}

PageRow read_page_row(std::string_view query) {
  const FormFields fields = fields_of(query);
  const auto row = number_in(fields, "row");
  if (!row) throw bad_request("row", "row: a number is expected");
  return {text_in(fields, "index"), *row};
}

std::string address_text(std::string_view text) {
  return urls::encode({text.data(), text.size()}, urls::unreserved_chars);
}

}  // namespace llm2clip::serve
