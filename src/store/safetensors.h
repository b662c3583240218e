#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace llm2clip {

/// One tensor of a .safetensors file.
struct SafetensorsTensor {
  std::string dtype;  ///< as the format spells it: "F32", "F16", "BF16", "I64", ...
  std::vector<std::size_t> shape;
  std::span<const std::byte> bytes;  ///< little-endian, row-major; may be unaligned
};

/// A .safetensors file, whole in memory and checked. Spans point into it and live as long as it
/// does; moving it keeps them valid.
class SafetensorsFile {
 public:
  /// Throws Error(bad_model) for a file that is missing, truncated or malformed: header
  /// length, JSON (depth, duplicate names), dtypes, shapes, and offsets that do not follow one
  /// another from the first byte of data to the last; Error(io) for one that is there and that the
  /// system fails to read.
  static SafetensorsFile open(const std::filesystem::path& path);

  /// nullptr when there is no tensor of that name.
  const SafetensorsTensor* find(const std::string& name) const;
  /// Throws Error(bad_model) naming file and tensor when there is none.
  const SafetensorsTensor& at(const std::string& name) const;

  /// Copies of a tensor's values. Throw Error(bad_model) when it is missing or of another dtype.
  std::vector<float> float32_values(const std::string& name) const;       // F32
  std::vector<std::int64_t> int64_values(const std::string& name) const;  // I64

  const std::map<std::string, SafetensorsTensor>& tensors() const { return tensors_; }
  /// The strings under `__metadata__`.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  std::string name_;  // for messages
  std::vector<std::byte> data_;
  std::map<std::string, SafetensorsTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor whose bytes are written later.
struct TensorLayout {
  std::string dtype;
  std::vector<std::size_t> shape;
};

/// What stands before the bytes of the tensors, which follow in the order of their names: the
/// header's length and the header. `path` is for messages.
/// Throws Error(invalid_argument) as write_safetensors does.
std::string safetensors_head(const std::filesystem::path& path,
                             const std::map<std::string, TensorLayout>& tensors,
                             const std::map<std::string, std::string>& metadata);

/// The file appears whole or not at all. Metadata must be UTF-8.
/// Throws Error(io), or Error(invalid_argument) when shape, dtype and bytes of a tensor disagree
/// or the header would pass the format's limit of 100,000,000 bytes.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace llm2clip
