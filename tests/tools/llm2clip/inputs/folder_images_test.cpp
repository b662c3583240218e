#include "inputs/folder_images.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "inputs/scratch_folder.h"
#include "support/catch.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;
using testing::ScratchFolder;
using Paths = std::vector<std::string>;

struct Found {
  Paths paths;  // without the folder
  std::size_t count = 0;
  std::size_t failures = 0;
  PassedOver passed_over = {};
};

Found images_in(const std::string& folder, const FolderFlags& flags = {}) {
  Messages messages({.quiet = true});
  InputPolicy policy(OnError::skip, messages);
  FolderImages images(folder, flags, policy);
  Found found{{}, images.count(), policy.failures(), images.passed_over()};
  while (const auto path = images.next()) {
    REQUIRE(path->starts_with(folder + "/"));
    found.paths.push_back(path->substr(folder.size() + 1));
  }
  CHECK(found.count == found.paths.size());
  return found;
}

TEST_CASE("images are known by their endings", "[tools][folder_images]") {
  for (const char* name : {"a.jpg", "A.JPEG", "x/y.png", "b.c.TIFF", "\xff.gif", "a b.webp"}) {
    CHECK(has_image_ending(name));
  }
  for (const char* name :
       {"", "jpg", ".jpg", "x/.jpg", "a.jpg/b", "a.txt", "a.jpg ", "a.", "a.pn"}) {
    INFO(name);
    CHECK_FALSE(has_image_ending(name));
  }
}

TEST_CASE("what macOS writes beside a file is no image of a folder", "[tools][folder_images]") {
  const ScratchFolder folder;
  for (const char* name : {"a.jpg", "._a.jpg", "b/._c.png", "b/c.png", ".hidden.png", "_.png"})
    folder.write(name);
  folder.write("._d/e.png");
  CHECK(images_in(folder.path(), {.hidden = true}).paths ==
        Paths{"._d/e.png", ".hidden.png", "_.png", "a.jpg", "b/c.png"});
}

TEST_CASE("hidden folders and those of systems are passed over and counted",
          "[tools][folder_images]") {
  const ScratchFolder folder;
  for (const char* name : {".thumbnails", "2020/@eaDir", "2020/.git", "System Volume Information",
                           "$RECYCLE.BIN", "$Recycle.Bin", "lost+found", "__MACOSX", "#recycle",
                           "@Recycle", ".Trash-1000", "2020/@eaDir/deeper"}) {
    folder.write(std::string(name) + "/inside.png");
  }
  for (const char* name : {"a.png", ".b.png", "2020/c.png", "lost/d.png", "x.thumbnails/e.png"})
    folder.write(name);
  const Found found = images_in(folder.path());
  CHECK(found.paths == Paths{".b.png", "2020/c.png", "a.png", "lost/d.png", "x.thumbnails/e.png"});
  CHECK(found.passed_over.folders.count == 11);
  CHECK(is_systems_folder(found.passed_over.folders.first.substr(folder.path().size() + 1)));
  const Found all = images_in(folder.path(), {.hidden = true});
  CHECK(all.paths.size() == found.paths.size() + 12);
  CHECK(all.passed_over.folders.count == 0);
}

TEST_CASE("films are taken where the flags say so, and counted else", "[tools][folder_images]") {
  const ScratchFolder folder;
  for (const char* name : {"a.png", "b.MP4", "c/d.webm", "c/._e.mp4", "f.mp3"}) folder.write(name);
  const Found images = images_in(folder.path());
  CHECK(images.paths == Paths{"a.png"});
  CHECK(images.passed_over.films.count == 2);
  CHECK(images.passed_over.films.first == folder.path("b.MP4"));
  const Found all = images_in(folder.path(), {.films = true});
  CHECK(all.paths == Paths{"a.png", "b.MP4", "c/d.webm"});
  CHECK(all.passed_over.films.count == 0);
}

TEST_CASE("a folder that is named is taken, whatever its name", "[tools][folder_images]") {
  const ScratchFolder folder;
  folder.write(".thumbnails/a.png");
  folder.write(".thumbnails/@eaDir/b.png");
  const Found found = images_in(folder.path(".thumbnails"));
  CHECK(found.paths == Paths{"a.png"});
  CHECK(found.passed_over.folders.first == folder.path(".thumbnails/@eaDir"));
}

TEST_CASE("a link to a folder is passed over by its own name", "[tools][folder_images]") {
  const ScratchFolder folder;
  folder.write("other/b.png");
  folder.write("in/a.png");
  fs::create_directory_symlink(folder.path("other"), folder.path("in/.link"));
  CHECK(images_in(folder.path("in")).passed_over.folders.count == 0);
  CHECK(images_in(folder.path("in"), {.follow_links = true}).passed_over.folders.count == 1);
}

TEST_CASE("a tree comes in the order of its paths' bytes", "[tools][folder_images]") {
  const ScratchFolder folder;
  Paths names = {"a.png",    "a-b.png", "a/z.png",  "a/b/c.png", "a0.png", "B.png",
                 "ab/x.png", "a b.png", "\xff.png", "\n.png",    "a/b.png"};
  for (const std::string& name : names) folder.write(name);
  folder.write("a/notes.txt");
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
    });
  });
  CHECK(images_in(folder.path()).paths == names);
  CHECK(images_in(folder.path()).paths == names);
}

TEST_CASE("a folder with a slash at its end gives the same paths", "[tools][folder_images]") {
  const ScratchFolder folder;
  folder.write("a/b.png");
  Messages messages({.quiet = true});
  InputPolicy policy(OnError::fail, messages);
  FolderImages images(folder.path() + "/", {}, policy);
  CHECK(images.next() == folder.path("a/b.png"));
  CHECK_FALSE(images.next());
}

TEST_CASE("links to files are taken and links to folders are not", "[tools][folder_images]") {
  const ScratchFolder folder;
  folder.write("in/a.png");
  folder.write("out.png");
  fs::create_symlink(folder.path("out.png"), folder.path("in/b.png"));
  fs::create_symlink(folder.path("nowhere"), folder.path("in/c.png"));
  fs::create_directory_symlink(folder.path("in"), folder.path("in/loop"));
  fs::create_directory_symlink(folder.path("in"), folder.path("in/loop.png"));
  CHECK(images_in(folder.path("in")).paths == Paths{"a.png", "b.png"});
  CHECK(images_in(folder.path("in")).failures == 0);
}

TEST_CASE("followed links enter each folder once, whatever leads there", "[tools][folder_images]") {
  const ScratchFolder folder;
  folder.write("in/a.png");
  folder.write("other/b.png");
  fs::create_directory_symlink(folder.path("in"), folder.path("in/loop"));
  fs::create_directory_symlink(folder.path("other"), folder.path("in/x"));
  fs::create_directory_symlink(folder.path("other"), folder.path("in/y"));
  fs::create_directory_symlink(folder.path("in"), folder.path("other/back"));
  fs::create_directory_symlink("self", folder.path("in/self"));
  CHECK(images_in(folder.path("in"), {.follow_links = true}).paths == Paths{"a.png", "x/b.png"});
}

TEST_CASE("what is no file is not taken, whatever its name", "[tools][folder_images]") {
  const ScratchFolder folder;
  REQUIRE(::mkfifo(folder.path("pipe.png").c_str(), 0600) == 0);
  folder.write("folder.png/a.png");
  CHECK(images_in(folder.path()).paths == Paths{"folder.png/a.png"});
}

TEST_CASE("a folder that cannot be listed fails and the rest is listed", "[tools][folder_images]") {
  // A path too long for the system stands for any folder that cannot be opened: root opens the
  // rest.
  const ScratchFolder folder;
  folder.write("z.png");
  const std::string name(250, 'd');
  const fs::path here = fs::current_path();
  fs::current_path(folder.path());
  for (int depth = 0; depth < 40; ++depth) {
    fs::create_directory(name);
    fs::current_path(name);
    std::ofstream("a.png") << "";
  }
  fs::current_path(here);
  const Found found = images_in(folder.path());
  CHECK(found.failures == 1);
  CHECK(found.paths.size() > 10);
  CHECK(found.paths.back() == "z.png");
}

TEST_CASE("a folder that is not there is one failure", "[tools][folder_images]") {
  CHECK(images_in("/no/such/folder").failures == 1);
  CHECK(images_in("/no/such/folder").count == 0);
}

}  // namespace
}  // namespace llm2clip::cli
