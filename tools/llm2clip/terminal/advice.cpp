#include "terminal/advice.h"

#include <array>

namespace llm2clip::cli {
namespace {

struct Wording {
  std::string_view library;
  std::string_view flags;
};

// The longer ones first, as they hold the shorter ones.
constexpr std::array kWordings = {
    Wording{"resume or overwrite it", "go on with --resume, or start anew with --overwrite"},
    Wording{"or overwrite it", "or replace it with --overwrite"},
    Wording{"or overwrite the run", "or start anew with --overwrite"},
    Wording{"overwrite the run", "start it anew with --overwrite"},
    Wording{"overwrite it", "make it anew with --overwrite"},
    Wording{"resume the run", "go on with --resume"},
    Wording{"max_pixels", "--max-pixels"},
    Wording{"max_side", "--max-side"},
    Wording{"max_file_bytes", "--max-file-bytes"},
    Wording{"max_scans", "--max-scans"},
    Wording{"max_scan_pixels", "--max-scan-pixels"},
};

}  // namespace

std::string advice_in_flags(std::string_view message) {
  const std::size_t end = message.rfind("; ");
  if (end == message.npos) return std::string(message);
  std::string advice(message.substr(end));
  for (const auto& [library, flags] : kWordings) {
    if (const std::size_t at = advice.find(library); at != advice.npos) {
      advice.replace(at, library.size(), flags);
    }
  }
  return std::string(message.substr(0, end)) + advice;
}

}  // namespace llm2clip::cli
