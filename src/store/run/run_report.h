#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "llm2clip/run.h"
#include "store/run/journal.h"
#include "store/run/run_provenance.h"

namespace llm2clip {

/// The inputs of a final file: enough to say later whether they are still the same, and, about,
/// which one is not.
struct InputDigests {
  std::uint64_t listed = 0;         ///< how many there are
  std::uint64_t block = 1;          ///< inputs that share a digest
  std::vector<std::string> blocks;  ///< over the short digests of each block, 16 digits
};

/// Makes InputDigests.blocks of inputs one after the other.
class BlockDigests {
 public:
  explicit BlockDigests(std::uint64_t block) : block_(block) {}

  /// The digest of a block, when the input is its last one.
  std::optional<std::string> add(const std::string& short_digest);
  /// The digest of the last block, when it is not full.
  std::optional<std::string> rest();

 private:
  std::uint64_t block_;
  std::uint64_t count_ = 0;
  Sha256 sha256_;
};

/// How many inputs share a digest where there are so many in all: there are at most 256 digests.
std::uint64_t block_of(std::uint64_t listed);

/// What a `.run.json` says.
struct RunReport {
  RunProvenance provenance;
  RunSummary summary;
  InputDigests inputs;
  std::string list_sha256;   ///< as in RunEnd
  std::uint64_t joined = 1;  ///< runs of how many shards
  std::uint64_t output_bytes = 0;
  std::string output_sha256;
};

std::filesystem::path run_report_path(const std::filesystem::path& output);  // .run.json

std::string report_json(const RunReport& report);

/// Reads hostile bytes. `output` is the file that they tell of.
/// Throws Error(io) when they are damaged or of another format.
RunReport parse_report(const std::filesystem::path& output, std::string_view text);

/// Throws as parse_report does, also when the file is missing.
RunReport read_run_report(const std::filesystem::path& output);

}  // namespace llm2clip
