#include "inputs/tar_inputs.h"

#include "inputs/folder_images.h"

namespace llm2clip::cli {
namespace {

constexpr std::size_t kMaxNameBytes = 4096;  // what a path of a file may have, too

Error refused(const std::string& id, const std::string& message) {
  return Error(ErrorKind::unreadable_input, id + ": " + message);
}

}  // namespace

bool ArchiveChoice::takes(const std::string& path) {
  if (!has_tar_ending(path)) refuse_others(path);
  return seen_++ % shard_.count == shard_.index - 1;
}

void ArchiveChoice::refuse_others(const std::string& what) const {
  if (shard_.count == 1) return;
  throw Error(
      ErrorKind::invalid_argument,
      what + ": --shard-by archive: tar archives are expected; give them, or --shard alone");
}

TarInputs::TarInputs(const std::string& path, const MemberChoice& choice, FailureSink& policy)
    : path_(path), choice_(choice), policy_(policy) {
  try {
    file_.emplace(path);
  } catch (const Error& error) {
    policy_.failed(path_, error);
  }
}

std::optional<MemberInput> TarInputs::next() {
  try {
    while (file_) {
      const std::optional<TarMember> member = file_->next();
      if (!member) {
        file_.reset();
        if (!any_) throw refused(path_, std::string("has no member with ") + choice_.endings);
      } else if (choice_.takes(member->name) && !is_apple_double(member->name)) {
        any_ = true;
        if (std::optional<MemberInput> input = take(*member)) return input;
      }
    }
  } catch (const Error& error) {
    file_.reset();
    policy_.failed(path_, error);
  }
  return std::nullopt;
}

std::optional<MemberInput> TarInputs::take(const TarMember& member) {
  const std::string id = path_ + "/" + member.name.substr(0, kMaxNameBytes);
  if (member.name.size() > kMaxNameBytes) {
    policy_.failed(id, refused(id, "has a name of " + std::to_string(member.name.size()) +
                                       " bytes, limit " + std::to_string(kMaxNameBytes)));
  } else if (!member.plain_file) {
    policy_.failed(
        id, refused(id, "is a link, a device or a file with holes; a plain file is expected"));
  } else if (member.size > choice_.max_bytes) {
    policy_.failed(id, refused(id, "has " + std::to_string(member.size) + " bytes, limit " +
                                       std::to_string(choice_.max_bytes) + choice_.max_flag));
  } else {
    return MemberInput{id, file_->read(member.size)};
  }
  return std::nullopt;
}

}  // namespace llm2clip::cli
