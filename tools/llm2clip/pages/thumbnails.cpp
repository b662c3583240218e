#include "pages/thumbnails.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "inputs/input_place.h"
#include "inputs/tar_file.h"
#include "llm2clip/error.h"
#include "llm2clip/film.h"

namespace llm2clip::cli {
namespace {

using Thumbnails = std::map<std::string, ThumbnailOrReason>;

struct Wanted {
  std::string id;
  InputPlace place;
};

// Those of one file.
using Group = std::vector<Wanted>;

Thumbnails of_film(const Group& group, const ReadOptions& read) {
  Thumbnails made;
  Film film(group.front().place.file, read);
  for (const Wanted& wanted : group) {
    if (const std::optional<Image> frame = film.frame_at(*wanted.place.seconds)) {
      made[wanted.id] = make_thumbnail(*frame, kThumbnailSide);
    }
  }
  return made;
}

Thumbnails of_archive(const Group& group, const ReadOptions& read) {
  Thumbnails made;
  TarFile file(group.front().place.file);
  while (const std::optional<TarMember> member = file.next()) {
    const auto wanted = std::find_if(group.begin(), group.end(), [&](const Wanted& one) {
      return one.place.member == member->name;
    });
    if (wanted == group.end() || member->size > read.max_file_bytes) continue;
    const std::vector<std::uint8_t> bytes = file.read(member->size);
    made[wanted->id] = make_thumbnail(decode_image(bytes, wanted->id, read), kThumbnailSide);
    if (made.size() == group.size()) break;
  }
  return made;
}

Thumbnails of_group(const Group& group, const ReadOptions& read) {
  Thumbnails made;
  std::string reason = "is not there any more";
  try {
    const InputPlace& place = group.front().place;
    if (place.seconds) {
      made = of_film(group, read);
    } else if (!place.member.empty()) {
      made = of_archive(group, read);
    } else {
      made[place.file] = make_thumbnail(read_image(place.file, read), kThumbnailSide);
    }
  } catch (const Error& error) {
    reason = error.what();
  }
  for (const Wanted& wanted : group) made.try_emplace(wanted.id, reason);
  return made;
}

std::vector<Group> groups_of(const std::vector<std::string>& ids) {
  using KindAndFile = std::tuple<bool, bool, std::string>;
  std::map<KindAndFile, Group> by_file;
  for (const std::string& id : ids) {
    InputPlace place = place_of(id);
    const KindAndFile key(place.seconds.has_value(), !place.member.empty(), place.file);
    by_file[key].push_back({id, std::move(place)});
  }
  std::vector<Group> groups;
  for (auto& [key, group] : by_file) {
    std::sort(group.begin(), group.end(), [](const Wanted& a, const Wanted& b) {
      return a.place.seconds < b.place.seconds;  // films are read forward
    });
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

std::map<std::string, ThumbnailOrReason> thumbnails_of(const std::vector<std::string>& ids,
                                                       const ReadOptions& read) {
  ReadOptions upright = read;
  upright.apply_orientation = true;
  const std::vector<Group> groups = groups_of(ids);
  std::vector<Thumbnails> made(groups.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < groups.size(); i = next++) {
      made[i] = of_group(groups[i], upright);
    }
  };
  {
    const std::size_t most = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min(most, groups.size()); ++i) threads.emplace_back(work);
    work();
  }
  Thumbnails all;
  for (Thumbnails& some : made) all.merge(some);
  return all;
}

}  // namespace llm2clip::cli
