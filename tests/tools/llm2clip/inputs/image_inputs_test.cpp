#include "inputs/image_inputs.h"

#include <string>
#include <vector>

#include "inputs/scratch_folder.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip::cli {
namespace {

using llm2clip::testing::error_of;
using testing::ScratchFolder;
using Ids = std::vector<std::string>;

struct Found {
  Ids ids;
  std::optional<std::size_t> total;
  std::size_t failures = 0;
};

Found all_of(const ImageFlags& flags, OnError on_error = OnError::fail) {
  Messages messages({.quiet = true});
  InputPolicy policy(on_error, messages);
  ImageInputs inputs(flags, policy);
  Found found{{}, inputs.total(), 0};
  while (const auto input = inputs.next()) found.ids.push_back(input->id);
  found.failures = policy.failures();
  CHECK_FALSE(inputs.next());
  return found;
}

TEST_CASE("arguments come as given, folders sorted, then the lists", "[tools][image_inputs]") {
  const ScratchFolder folder;
  folder.write("photos/b.png");
  folder.write("photos/a.png");
  ImageFlags flags;
  flags.recursive = true;
  flags.paths = {"z.jpg", folder.path("photos"), "a.jpg", "z.jpg"};
  CHECK(all_of(flags).ids ==
        Ids{"z.jpg", folder.path("photos/a.png"), folder.path("photos/b.png"), "a.jpg", "z.jpg"});
  CHECK(all_of(flags).total == 5);

  flags.lists = {folder.write("list", "two words.png\r\n\nlast"), folder.write("more", "x.png\n")};
  CHECK(all_of(flags).ids.size() == 8);
  CHECK(all_of(flags).ids[5] == "two words.png");
  CHECK(all_of(flags).ids[7] == "x.png");
  CHECK_FALSE(all_of(flags).total);
}

TEST_CASE("paths that end in NUL are taken as they are", "[tools][image_inputs]") {
  const ScratchFolder folder;
  ImageFlags flags;
  flags.null_separated = true;
  flags.lists = {folder.write("list", std::string("a\n.png\r\0\0b.png", 14))};
  CHECK(all_of(flags).ids == Ids{"a\n.png\r", "b.png"});
}

TEST_CASE("a folder that changes after the listing changes nothing", "[tools][image_inputs]") {
  const ScratchFolder folder;
  folder.write("photos/b.png");
  ImageFlags flags;
  flags.recursive = true;
  flags.paths = {folder.path("photos")};
  Messages messages({.quiet = true});
  InputPolicy policy(OnError::fail, messages);
  ImageInputs inputs(flags, policy);
  folder.write("photos/a.png");
  CHECK(inputs.next()->id == folder.path("photos/b.png"));
  CHECK_FALSE(inputs.next());
}

TEST_CASE("no images at all is an error, at once or at the end of a list",
          "[tools][image_inputs]") {
  const ScratchFolder folder;
  ImageFlags flags;
  CHECK(error_of([&] { all_of(flags); }).kind() == ErrorKind::invalid_argument);
  flags.recursive = true;
  flags.paths = {folder.path()};
  CHECK(error_of([&] { all_of(flags); }).kind() == ErrorKind::invalid_argument);
  flags.lists = {folder.write("list", "\n\n")};
  CHECK(error_of([&] { all_of(flags); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("a list that cannot be opened stops the program", "[tools][image_inputs]") {
  const ScratchFolder folder;
  ImageFlags flags;
  flags.lists = {folder.path("missing")};
  CHECK(error_of([&] { all_of(flags); }).kind() == ErrorKind::unreadable_input);
  flags.lists = {folder.path()};
  CHECK(std::string(error_of([&] { all_of(flags); }).what())
            .ends_with("a list of paths is expected"));
}

TEST_CASE("what is too long for a path is a failed input", "[tools][image_inputs]") {
  const ScratchFolder folder;
  ImageFlags flags;
  flags.lists = {folder.write("list", "a.png\n" + std::string(1u << 20, 'x') + "\nb.png\n")};
  const Found found = all_of(flags, OnError::skip);
  CHECK(found.ids == Ids{"a.png", "b.png"});
  CHECK(found.failures == 1);
}

TEST_CASE("an archive that is none is a failed input among the others", "[tools][image_inputs]") {
  const ScratchFolder folder;
  ImageFlags flags;
  flags.paths = {"a.png", folder.write("no.tar", "this is not an archive"), "b.png"};
  const Found found = all_of(flags, OnError::skip);
  CHECK(found.ids == Ids{"a.png", "b.png"});
  CHECK(found.failures == 1);
}

}  // namespace
}  // namespace llm2clip::cli
