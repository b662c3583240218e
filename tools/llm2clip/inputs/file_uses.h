#pragma once

#include <sys/types.h>

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "flags/args.h"

namespace llm2clip::cli {

/// What a command reads and what it writes: nothing may be both, nor be written twice. Files are
/// the same by device and inode, links followed; those that are not there yet by the path they
/// would have.
///
/// Name what is written first: without outputs that are there already, nobody looks into folders
/// and lists. Members throw Error(invalid_argument) for an output that cannot be one. Nothing is
/// opened for writing.
class FileUses {
 public:
  /// `flag` is what messages call it: "--summary".
  void writes(const std::string& flag, const std::filesystem::path& path);
  /// The file of -o, those that stand beside it, and the folder of an unfinished run.
  void writes_run(const std::string& flag, const std::filesystem::path& output,
                  const ShardOf& shard);
  /// Standard output, where it goes to a file.
  void writes_standard_output();

  /// A file, or - for standard input.
  void reads(const std::string& flag, const std::string& path) const;
  /// All that is in a folder or comes into it: a model's.
  void reads_folder(const std::string& what, const std::string& path) const;
  /// Files, folders and lists, with what is in them.
  void reads_images(const ImageFlags& flags) const;
  void reads_texts(const TextFlags& flags) const;

 private:
  using Inode = std::pair<dev_t, ino_t>;
  struct Output {
    std::string flag;
    std::filesystem::path given;
    std::filesystem::path path;  // without links, absolute
    std::set<Inode> inode;       // one, or none where it is not there
    bool folder = false;
  };

  void add(Output output);
  bool any_is_there() const;
  void look_into_list(const std::string& list, bool null_separated) const;

  std::vector<Output> outputs_;
};

}  // namespace llm2clip::cli
