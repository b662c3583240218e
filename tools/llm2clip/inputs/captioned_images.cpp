#include "inputs/captioned_images.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "inputs/folder_images.h"
#include "inputs/json_line.h"
#include "inputs/lines.h"
#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kLongestLine = 16u << 20;
constexpr std::size_t kShareGpt4vImages = 1000;
constexpr std::size_t kKarpathyCaptions = 5;

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw Error(ErrorKind::unreadable_input, place + ": " + why);
}

/// Takes an object of a file, and says whether it wants another.
using TakeObject = std::function<bool(const json& object, const std::string& place)>;

std::ifstream open(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path)) refuse(path, "a file is expected");
  return file;
}

// Gives the objects of a list one by one, so that a file of gigabytes does not fill the memory: the
// list that the whole file is, or the one under "images".
class ListReader {
 public:
  ListReader(std::string path, const TakeObject& take) : path_(std::move(path)), take_(take) {}

  void read() {
    std::ifstream file = open(path_);
    try {
      [[maybe_unused]] const json rest =
          json::parse(file, [this](int depth, json::parse_event_t event, json& value) {
            return keep(depth, event, value);
          });
    } catch (const json::parse_error& error) {
      refuse(path_, "is not JSON: byte " + std::to_string(error.byte));
    } catch (const Enough&) {
    }
    if (objects_ == 0) refuse(path_, "has no list of images");
  }

 private:
  struct Enough {};

  // What is kept comes into the value that parse() makes: nothing of the list.
  bool keep(int depth, json::parse_event_t event, json& value) {
    using Event = json::parse_event_t;
    if (depth > kMostLevels)
      refuse(path_, "has more than " + std::to_string(kMostLevels) + " levels");
    if (event == Event::array_start && depth == 0) level_ = 1;
    if (event == Event::key && depth == 1) level_ = value == "images" ? 2 : -1;
    if (event != Event::object_end || depth != level_) return true;
    if (!take_(value, path_ + ": image " + std::to_string(++objects_))) throw Enough();
    return false;
  }

  std::string path_;
  const TakeObject& take_;
  int level_ = -1;  // of the objects
  std::size_t objects_ = 0;
};

void read_json_lines(const std::string& path, const TakeObject& take) {
  std::ifstream file = open(path);
  std::string line;
  Line result = first_line(file, '\n', kLongestLine, line);
  for (std::size_t number = 1; result != Line::none; ++number) {
    const std::string place = path + ":" + std::to_string(number);
    if (result == Line::too_long) {
      refuse(place, "has more than " + std::to_string(kLongestLine) + " bytes");
    }
    if (line.find_first_not_of(" \t\r") != line.npos) {
      const json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!object.is_object()) refuse(place, "a JSON object is expected");
      if (!take(object, place)) return;
    }
    result = next_line(file, '\n', kLongestLine, line);
  }
  if (file.bad()) refuse(path, "cannot be read to its end");
}

void read_objects(const std::string& path, const TakeObject& take) {
  if (fs::path(path).extension() == ".json") return ListReader(path, take).read();
  read_json_lines(path, take);
}

// A string, or a whole number, which is how files of rows without ids call them.
std::optional<std::string> name_of(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_unsigned()) return std::to_string(value.get<std::uint64_t>());
  return std::nullopt;
}

std::string string_in(const json& object, const char* field, const std::string& place) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  const auto name = found == object.end() ? std::nullopt : name_of(*found);
  if (!name) refuse(place, "has no string under \"" + std::string(field) + "\"");
  return *name;
}

std::vector<std::string> captions_in(const json& object, const std::string& place) {
  const auto found = object.find("caption");
  if (found == object.end() || !found->is_array()) return {string_in(object, "caption", place)};
  std::vector<std::string> captions;
  for (const json& caption : *found) {
    const auto name = name_of(caption);
    if (!name) refuse(place, "has something else than strings under \"caption\"");
    captions.push_back(*name);
  }
  return captions;
}

CaptionedImage read_pair(const json& object, const std::string& place) {
  return {string_in(object, "image", place), captions_in(object, place), place};
}

// Of dataset_coco.json and dataset_flickr30k.json.
CaptionedImage read_karpathy(const json& object, const std::string& place) {
  CaptionedImage image{string_in(object, "filename", place), {}, place};
  if (object.contains("filepath")) {
    image.image = string_in(object, "filepath", place) + "/" + image.image;
  }
  const auto sentences = object.find("sentences");
  if (sentences == object.end() || !sentences->is_array()) {
    refuse(place, "has no list under \"sentences\"");
  }
  for (const json& sentence : *sentences) {
    image.captions.push_back(string_in(sentence, "raw", place));
  }
  return image;
}

CaptionedImage read_sharegpt4v(const json& object, const std::string& place) {
  const auto turns = object.find("conversations");
  if (turns == object.end() || !turns->is_array() || turns->size() < 2) {
    refuse(place, "has no caption at conversations[1].value");
  }
  return {string_in(object, "image", place), {string_in((*turns)[1], "value", place)}, place};
}

// Collects images, each once.
class Collection {
 public:
  explicit Collection(const CaptionSource& source) : source_(source) {
    const bool karpathy = source.layout == "coco" || source.layout == "flickr";
    most_ = source.captions_per_image != 0 ? source.captions_per_image
            : karpathy                     ? kKarpathyCaptions
                                           : std::string::npos;
  }

  void add(CaptionedImage image) {
    if (image.captions.empty()) refuse(image.place, "has no caption");
    if (!source_.root.empty()) image.image = (fs::path(source_.root) / image.image).string();
    const auto [at, is_new] = at_.try_emplace(image.image, all_.size());
    if (is_new) {
      all_.push_back({std::move(image.image), {}, std::move(image.place)});
    }
    std::vector<std::string>& captions = all_[at->second].captions;
    for (std::string& caption : image.captions) {
      if (captions.size() < most_) captions.push_back(std::move(caption));
    }
  }

  std::size_t size() const { return all_.size(); }
  std::vector<CaptionedImage> release() {
    if (all_.empty()) refuse(source_.path, "has no image of the layout " + source_.layout);
    return std::move(all_);
  }

 private:
  const CaptionSource& source_;
  std::size_t most_;
  std::vector<CaptionedImage> all_;
  std::unordered_map<std::string, std::size_t> at_;
};

// The numbers of the files of captions, in order.
std::vector<std::size_t> urban1k_numbers(const fs::path& folder) {
  std::error_code error;
  std::vector<std::size_t> numbers;
  for (const auto& entry : fs::directory_iterator(folder / "caption", error)) {
    const std::string name = entry.path().stem().string();
    std::size_t number = 0;
    const auto [rest, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (entry.path().extension() != ".txt" || failed != std::errc() ||
        rest != name.data() + name.size()) {
      continue;
    }
    numbers.push_back(number);
  }
  if (numbers.empty()) {
    refuse(folder.string(), "a folder with caption/1.txt and image/1.jpg is expected");
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void read_urban1k(const std::string& path, Collection& images) {
  for (const std::size_t number : urban1k_numbers(path)) {
    const std::string caption =
        (fs::path(path) / "caption" / (std::to_string(number) + ".txt")).string();
    std::ifstream file = open(caption);
    std::string line;
    if (first_line(file, '\n', kLongestLine, line) != Line::read) {
      refuse(caption, "has no first line");
    }
    if (line.ends_with('\r')) line.pop_back();
    images.add({std::to_string(number) + ".jpg", {line}, caption});
  }
}

void read_list(const CaptionSource& source, Collection& images) {
  const std::string& layout = source.layout;
  read_objects(source.path, [&](const json& object, const std::string& place) {
    if (layout == "sharegpt4v") {
      images.add(read_sharegpt4v(object, place));
      return images.size() < kShareGpt4vImages;
    }
    if (layout == "docci") {
      if (string_in(object, "split", place) != "test") return true;
      images.add({string_in(object, "image_file", place),
                  {string_in(object, "description", place)},
                  place});
    } else if (layout != "pairs" && object.contains("filename")) {
      if (string_in(object, "split", place) == "test") images.add(read_karpathy(object, place));
    } else {
      images.add(read_pair(object, place));
    }
    return true;
  });
}

}  // namespace

std::string usual_root(const std::string& path, const std::string& layout) {
  if (layout == "urban1k") return (fs::path(path) / "image").string();
  const fs::path folder = fs::path(path).parent_path();
  return layout == "docci" ? (folder / "images").string() : folder.string();
}

std::vector<CaptionedImage> read_captioned_images(const CaptionSource& source) {
  Collection images(source);
  if (source.layout == "urban1k") {
    read_urban1k(source.path, images);
  } else {
    read_list(source, images);
  }
  return images.release();
}

}  // namespace llm2clip::cli
