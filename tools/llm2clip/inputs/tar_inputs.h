#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flags/args.h"
#include "inputs/input_policy.h"
#include "inputs/tar_file.h"

namespace llm2clip::cli {

/// Which members of an archive are inputs.
struct MemberChoice {
  bool (*takes)(std::string_view name);
  const char* endings;  // for the message about an archive that has none: "no member with …"
  std::uint64_t max_bytes;
  const char* max_flag;  // what raises max_bytes
};

struct MemberInput {
  std::string id;  // "shard.tar/000017.jpg"
  std::vector<std::uint8_t> content;
};

/// Which archives of the inputs are this process's.
class ArchiveChoice {
 public:
  explicit ArchiveChoice(const ShardOf& shard) : shard_(shard) {}

  /// Whether `path`, which comes next, is to be read. Throws Error(invalid_argument) where archives
  /// are to be chosen among and it is none.
  bool takes(const std::string& path);
  /// Throws Error(invalid_argument) where archives are to be chosen among: `what` is none.
  void refuse_others(const std::string& what) const;

 private:
  ShardOf shard_;
  std::uint64_t seen_ = 0;
};

/// The inputs in a tar archive, in its order. Whatever is wrong with a member or with the archive
/// is the failure of one input; what was read before it stands.
class TarInputs {
 public:
  TarInputs(const std::string& path, const MemberChoice& choice, FailureSink& policy);

  std::optional<MemberInput> next();

 private:
  std::optional<MemberInput> take(const TarMember& member);

  std::string path_;
  MemberChoice choice_;
  FailureSink& policy_;
  std::optional<TarFile> file_;  // none: at its end
  bool any_ = false;
};

}  // namespace llm2clip::cli
