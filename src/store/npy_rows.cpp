#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <tuple>
#include <utility>
#include <vector>

#include "llm2clip/error.h"
#include "store/float16.h"
#include "store/npy.h"

namespace llm2clip {
namespace {

constexpr std::size_t kLongestHead = 1u << 20;

[[noreturn]] void refuse_npy(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::bad_model, path.string() + ": " + why);
}

std::string read_bytes(std::ifstream& file, const std::filesystem::path& path, std::size_t count) {
  std::string bytes(count, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(count))) {
    refuse_npy(path, "is no .npy file, or ends within its head");
  }
  return bytes;
}

// The dictionary that NumPy writes as Python does.
std::string read_dictionary(std::ifstream& file, const std::filesystem::path& path) {
  const std::string start = read_bytes(file, path, 8);
  const bool first_version = start[6] == 1;
  if (!start.starts_with("\x93NUMPY") || start[6] < 1 || start[6] > 3) {
    refuse_npy(path, "is no .npy file");
  }
  std::size_t length = 0;
  const std::string bytes = read_bytes(file, path, first_version ? 2 : 4);
  for (std::size_t i = bytes.size(); i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  }
  if (length > kLongestHead) refuse_npy(path, "has a head of " + std::to_string(length) + " bytes");
  return read_bytes(file, path, length);
}

// What stands behind a name of the dictionary.
std::string_view value_of(std::string_view dictionary, std::string_view name) {
  const std::size_t at = dictionary.find(name);
  if (at == dictionary.npos) return {};
  const std::string_view rest = dictionary.substr(at + name.size());
  return rest.substr(std::min(rest.find_first_not_of(" :"), rest.size()));
}

// (rows, dim) of "(3, 4), ...".
std::pair<std::size_t, std::size_t> shape_of(const std::filesystem::path& path,
                                             std::string_view text) {
  std::size_t axes[2] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t& axis : axes) {
    while (at != end && (*at == '(' || *at == ',' || *at == ' ')) ++at;
    const auto [rest, error] = std::from_chars(at, end, axis);
    if (error != std::errc()) refuse_npy(path, "has another shape than rows of components");
    at = rest;
  }
  while (at != end && (*at == ',' || *at == ' ')) ++at;
  if (at == end || *at != ')') refuse_npy(path, "has another shape than rows of components");
  return {axes[0], axes[1]};
}

// Of rows without components the file does not say how many there may be.
void check_size(const std::filesystem::path& path, std::uint64_t there, std::size_t rows,
                std::size_t dim, std::size_t bytes_each) {
  if (dim == 0) refuse_npy(path, "its rows have no components");
  std::uint64_t expected = 0;
  if (__builtin_mul_overflow(rows, dim, &expected) ||
      __builtin_mul_overflow(expected, bytes_each, &expected) || expected != there) {
    refuse_npy(path, "has " + std::to_string(there) + " bytes behind its head, " +
                         std::to_string(rows) + " rows of " + std::to_string(dim) +
                         " components are announced; it is damaged");
  }
}

}  // namespace

NpyRows::NpyRows(const std::filesystem::path& path) : path_(path), file_(path, std::ios::binary) {
  if (!file_) refuse_npy(path, "cannot be opened");
  const std::string dictionary = read_dictionary(file_, path);
  const std::string_view type = value_of(dictionary, "'descr'");
  half_ = type.starts_with("'<f2'");
  if (!half_ && !type.starts_with("'<f4'")) {
    refuse_npy(path, "holds " + std::string(type.substr(0, type.find(','))) +
                         ", float32 or float16 ('<f4', '<f2') is expected");
  }
  if (!value_of(dictionary, "'fortran_order'").starts_with("False")) {
    refuse_npy(path, "is in the order of Fortran; write it with numpy.ascontiguousarray");
  }
  std::tie(rows_, dim_) = shape_of(path, value_of(dictionary, "'shape'"));
  check_size(path, std::filesystem::file_size(path) - static_cast<std::uint64_t>(file_.tellg()),
             rows_, dim_, half_ ? sizeof(std::uint16_t) : sizeof(float));
}

void NpyRows::read(std::span<float> values) {
  std::vector<std::uint16_t> halves(half_ ? values.size() : 0);
  const std::span<std::byte> bytes =
      half_ ? std::as_writable_bytes(std::span(halves)) : std::as_writable_bytes(values);
  if (!file_.read(reinterpret_cast<char*>(bytes.data()),
                  static_cast<std::streamsize>(bytes.size()))) {
    refuse_npy(path_, "cannot be read to its end");
  }
  std::transform(halves.begin(), halves.end(), values.begin(), from_float16);
}

}  // namespace llm2clip
