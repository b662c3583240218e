#include "store/run/run_folder.h"

#include <cerrno>
#include <set>
#include <system_error>

#include "base/atomic_file.h"
#include "base/file_calls.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSettings = "run.json";
constexpr const char* kJournal = "journal";

}  // namespace

fs::path run_folder_path(const fs::path& output, unsigned shard, unsigned shards) {
  fs::path path = output;
  if (shards > 1) path += ".shard-" + std::to_string(shard) + "-of-" + std::to_string(shards);
  return path += ".run";
}

fs::path provenance_path(const fs::path& folder) { return folder / kSettings; }

fs::path journal_path(const fs::path& folder) { return folder / kJournal; }

RunFolder::RunFolder(fs::path path) : path_(std::move(path)), lock_(path_) {}

std::optional<RunProvenance> RunFolder::read_provenance() const {
  const fs::path path = path_ / kSettings;
  if (!fs::exists(path)) return std::nullopt;
  return parse_provenance(path, read_text(path));
}

void RunFolder::write_provenance(const RunProvenance& provenance) const {
  AtomicFile file(path_ / kSettings);
  file.write(provenance_json(provenance) + "\n");
  file.commit();
}

JournalContent RunFolder::read_journal() const {
  // One that is there and cannot be read must not pass for an empty one: chunks would be removed.
  return fs::exists(journal_path(path_)) ? parse_journal(read_text(journal_path(path_)))
                                         : JournalContent{};
}

void RunFolder::remove_strays(const std::vector<ChunkRecord>& keep) const {
  std::set<std::string> names = {RunLock::kFile, RunLock::kOwner, kSettings, kJournal};
  for (const ChunkRecord& shard : keep) names.insert(shard.file);
  std::error_code error;
  const auto check = [&error](const fs::path& path, const char* action) {
    errno = error.value();
    if (error) fail_io(path, action);
  };
  fs::directory_iterator entry;
  do {
    entry = fs::directory_iterator(path_, error);
  } while (error == std::errc::interrupted);
  check(path_, "cannot be listed");
  while (entry != fs::directory_iterator()) {
    if (!names.contains(entry->path().filename())) {
      do {
        fs::remove_all(entry->path(), error);  // a folder that was to be the output, too
      } while (error == std::errc::interrupted);
      check(entry->path(), "cannot be removed");
    }
    entry.increment(error);
    check(path_, "cannot be listed");
  }
}

void RunFolder::check_ours() const {
  if (fs::exists(path_ / kSettings) || fs::exists(journal_path(path_))) return;
  std::error_code error;
  fs::directory_iterator entry;
  do {
    entry = fs::directory_iterator(path_, error);
  } while (error == std::errc::interrupted);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == RunLock::kFile || name == RunLock::kOwner || name.starts_with("chunk-") ||
        name.starts_with(".llm2clip-"))
      continue;
    throw Error(ErrorKind::io, entry->path().string() +
                                   ": stands in a folder that is no run, though it has the name of "
                                   "one; move it away, or give another output");
  }
  errno = error.value();
  if (error) fail_io(path_, "cannot be listed");
}

void RunFolder::clear() const {
  std::error_code ignored;
  for (const char* name : {kJournal, kSettings}) fs::remove(path_ / name, ignored);
  remove_strays({});
}

void RunFolder::remove() {
  lock_.check();  // another process's chunks are not ours to remove
  remove_strays({});
  std::error_code ignored;
  for (const char* name : {kSettings, kJournal}) fs::remove(path_ / name, ignored);
  lock_.remove_folder();
}

}  // namespace llm2clip
