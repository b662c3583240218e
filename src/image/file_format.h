#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace llm2clip {

/// The formats that reach a decoder. Everything else is refused by its first bytes.
enum class FileFormat { jpeg, png, webp, bmp, tiff, gif };

/// The format by content; nothing for another.
std::optional<FileFormat> file_format(std::span<const std::uint8_t> bytes);

/// What the bytes of no supported format are, as a message: "is a PDF file; ...".
std::string describe_other_file(std::span<const std::uint8_t> bytes);

}  // namespace llm2clip
