#include "store/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "base/atomic_file.h"
#include "base/file_calls.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own library
constexpr int kMaxDepth = 4;
constexpr std::size_t kMaxRank = 8;

// Bytes of one value, 0 for a type the format does not have.
std::size_t value_bytes(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 15> kTypes = {{
      {"BOOL", 1},
      {"U8", 1},
      {"I8", 1},
      {"F8_E4M3", 1},
      {"F8_E5M2", 1},
      {"U16", 2},
      {"I16", 2},
      {"F16", 2},
      {"BF16", 2},
      {"U32", 4},
      {"I32", 4},
      {"F32", 4},
      {"U64", 8},
      {"I64", 8},
      {"F64", 8},
  }};
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const auto& type) { return type.first == dtype; });
  return found == kTypes.end() ? 0 : found->second;
}

// The number of bytes of a tensor; false when it does not fit 64 bits.
bool tensor_bytes(const SafetensorsTensor& tensor, std::size_t& bytes) {
  bytes = value_bytes(tensor.dtype);
  for (const std::size_t axis : tensor.shape) {
    if (__builtin_mul_overflow(bytes, axis, &bytes)) return false;
  }
  return true;
}

// What is read so far, and the words for what is wrong with it.
struct Reader {
  std::string name;

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorKind::bad_model, name + ": " + message);
  }
  void require(bool condition, const std::string& message) const {
    if (!condition) fail(message);
  }

  std::vector<std::byte> read_file(const std::filesystem::path& path) const;
  Json parse_header(std::string_view text) const;
  std::size_t count(const Json& value, const std::string& tensor) const;
  std::pair<std::size_t, std::size_t> offsets(const Json& entry, const std::string& tensor) const;
  SafetensorsTensor tensor(const Json& entry, const std::string& tensor_name,
                           std::span<const std::byte> data) const;
  std::map<std::string, std::string> metadata(const Json& header) const;
};

std::vector<std::byte> Reader::read_file(const std::filesystem::path& path) const {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  require(std::filesystem::exists(status), "no such file");
  require(std::filesystem::is_regular_file(status), "not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  require(!error, "its size cannot be found");
  std::vector<std::byte> bytes;
  bytes.reserve(size);
  read_blocks(path, [&](std::span<const std::byte> block) {
    bytes.insert(bytes.end(), block.begin(), block.end());
  });
  return bytes;
}

// nlohmann keeps the last of two equal names and sets no limit to depth: both are refused here.
Json Reader::parse_header(std::string_view text) const {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    require(depth <= kMaxDepth, "header is nested too deeply");
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto key = value.get<std::string>();
      require(names.back().insert(key).second, "header names '" + key + "' twice");
    }
    return true;
  };
  try {
    return Json::parse(text, watch);
  } catch (const Json::exception&) {
    fail("header is not valid JSON");
  }
}

std::size_t Reader::count(const Json& value, const std::string& tensor) const {
  require(value.is_number_unsigned(), "tensor '" + tensor + "': a size is not a whole number");
  return value.get<std::size_t>();
}

std::pair<std::size_t, std::size_t> Reader::offsets(const Json& entry,
                                                    const std::string& tensor) const {
  require(entry.is_object(), "tensor '" + tensor + "': not described by an object");
  const auto found = entry.find("data_offsets");
  require(found != entry.end() && found->is_array() && found->size() == 2,
          "tensor '" + tensor + "': no data_offsets");
  return {count((*found)[0], tensor), count((*found)[1], tensor)};
}

SafetensorsTensor Reader::tensor(const Json& entry, const std::string& tensor_name,
                                 std::span<const std::byte> data) const {
  const auto [begin, end] = offsets(entry, tensor_name);
  const std::string where = "tensor '" + tensor_name + "': ";
  const auto dtype = entry.find("dtype");
  const auto shape = entry.find("shape");
  require(entry.size() == 3 && dtype != entry.end() && shape != entry.end(),
          where + "dtype, shape and data_offsets are expected, and nothing else");
  require(dtype->is_string() && value_bytes(dtype->get<std::string>()) != 0,
          where + "unknown dtype");
  require(shape->is_array() && shape->size() <= kMaxRank, where + "shape is not a short list");
  require(begin <= end && end <= data.size(), where + "lies outside the file; partial download?");

  SafetensorsTensor tensor;
  tensor.dtype = dtype->get<std::string>();
  for (const Json& axis : *shape) tensor.shape.push_back(count(axis, tensor_name));
  tensor.bytes = data.subspan(begin, end - begin);
  std::size_t expected = 0;
  require(tensor_bytes(tensor, expected) && expected == tensor.bytes.size(),
          where + "shape and dtype do not give the " + std::to_string(tensor.bytes.size()) +
              " bytes it has");
  return tensor;
}

std::map<std::string, std::string> Reader::metadata(const Json& header) const {
  std::map<std::string, std::string> values;
  const auto found = header.find("__metadata__");
  if (found == header.end()) return values;
  require(found->is_object(), "__metadata__ is not an object");
  for (const auto& [key, value] : found->items()) {
    require(value.is_string(), "__metadata__ '" + key + "' is not a string");
    values[key] = value.get<std::string>();
  }
  return values;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t header_length(const Reader& reader, std::span<const std::byte> file) {
  reader.require(!as_text(file).starts_with("version https://git-lfs"),
                 "a Git LFS pointer, not the file it stands for; run git lfs pull");
  reader.require(file.size() >= kLengthBytes, "too short for a safetensors file");
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  reader.require(length <= kMaxHeaderBytes, "not a safetensors file: its header would be " +
                                                std::to_string(length) + " bytes long");
  reader.require(length <= file.size() - kLengthBytes,
                 "header ends after the file; partial download?");
  return length;
}

// Tensors follow one another without gaps and without sharing bytes.
void check_layout(const Reader& reader, const std::map<std::string, SafetensorsTensor>& tensors,
                  std::span<const std::byte> data) {
  using Range = std::pair<const std::byte*, const std::byte*>;
  std::vector<Range> ranges;
  for (const auto& [name, tensor] : tensors) {
    ranges.emplace_back(tensor.bytes.data(), tensor.bytes.data() + tensor.bytes.size());
  }
  std::sort(ranges.begin(), ranges.end());
  const std::byte* position = data.data();
  for (const auto& [begin, end] : ranges) {
    reader.require(begin == position, "tensors overlap or leave bytes between them");
    position = end;
  }
  reader.require(position == data.data() + data.size(), "bytes are left after the last tensor");
}

template <typename T>
std::vector<T> copy_values(const Reader& reader, const std::string& name,
                           const SafetensorsTensor& tensor, std::string_view dtype) {
  reader.require(tensor.dtype == dtype, "tensor '" + name + "' is " + tensor.dtype + ", " +
                                            std::string(dtype) + " is expected");
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const Reader reader{path.string()};
  SafetensorsFile file;
  file.name_ = reader.name;
  file.data_ = reader.read_file(path);
  const std::span<const std::byte> bytes(file.data_);
  const std::size_t length = header_length(reader, bytes);
  const Json header = reader.parse_header(as_text(bytes.subspan(kLengthBytes, length)));
  reader.require(header.is_object(), "header is not a JSON object");
  const auto data = bytes.subspan(kLengthBytes + length);

  file.metadata_ = reader.metadata(header);
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__") file.tensors_[name] = reader.tensor(entry, name, data);
  }
  check_layout(reader, file.tensors_, data);
  return file;
}

const SafetensorsTensor* SafetensorsFile::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const SafetensorsTensor& SafetensorsFile::at(const std::string& name) const {
  const SafetensorsTensor* tensor = find(name);
  Reader{name_}.require(tensor != nullptr, "no tensor '" + name + "'");
  return *tensor;
}

std::vector<float> SafetensorsFile::float32_values(const std::string& name) const {
  return copy_values<float>(Reader{name_}, name, at(name), "F32");
}

std::vector<std::int64_t> SafetensorsFile::int64_values(const std::string& name) const {
  return copy_values<std::int64_t>(Reader{name_}, name, at(name), "I64");
}

std::string safetensors_head(const std::filesystem::path& path,
                             const std::map<std::string, TensorLayout>& tensors,
                             const std::map<std::string, std::string>& metadata) {
  const auto require = [&](bool condition, const std::string& message) {
    if (!condition) throw Error(ErrorKind::invalid_argument, path.string() + ": " + message);
  };
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const auto& [name, layout] : tensors) {
    std::size_t bytes = 0;
    require(value_bytes(layout.dtype) != 0 && tensor_bytes({layout.dtype, layout.shape, {}}, bytes),
            "tensor '" + name + "': its shape or dtype cannot be stored");
    header[name] = {{"dtype", layout.dtype},
                    {"shape", layout.shape},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception&) {
    require(false, "metadata and names must be UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data starts at a multiple of 8
  require(text.size() <= kMaxHeaderBytes,
          "the header would pass the 100,000,000 bytes that the format allows; write .npy instead");

  const std::uint64_t length = text.size();
  std::string head(reinterpret_cast<const char*>(&length), sizeof length);
  return head + text;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::map<std::string, TensorLayout> layouts;
  for (const auto& [name, tensor] : tensors) {
    std::size_t bytes = 0;
    if (!tensor_bytes(tensor, bytes) || bytes != tensor.bytes.size()) {
      throw Error(
          ErrorKind::invalid_argument,
          path.string() + ": tensor '" + name + "': shape and dtype do not give the bytes it has");
    }
    layouts[name] = {tensor.dtype, tensor.shape};
  }
  const std::string head = safetensors_head(path, layouts, metadata);
  AtomicFile file(path);
  file.write(head);
  for (const auto& [name, tensor] : tensors) file.write(tensor.bytes);
  file.commit();
}

}  // namespace llm2clip
