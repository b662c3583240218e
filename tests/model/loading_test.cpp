#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>

#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

// A directory's files in memory, each `shift` bytes behind a multiple of 64.
class FilesInMemory {
 public:
  explicit FilesInMemory(const std::filesystem::path& directory, std::size_t shift = 0) {
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string content{std::istreambuf_iterator<char>(file), {}};
      Block block(
          static_cast<std::byte*>(::operator new(content.size() + shift, std::align_val_t{64})));
      std::memcpy(block.get() + shift, content.data(), content.size());
      files_.push_back({entry.path().filename().string(), {block.get() + shift, content.size()}});
      blocks_.push_back(std::move(block));
    }
  }

  const std::vector<ModelFile>& files() const { return files_; }
  std::vector<ModelFile> without(const std::string& name) const {
    std::vector<ModelFile> rest = files_;
    std::erase_if(rest, [&](const ModelFile& file) { return file.name == name; });
    return rest;
  }
  std::byte* of(const std::string& name) {
    const auto found = std::find_if(files_.begin(), files_.end(),
                                    [&](const ModelFile& file) { return file.name == name; });
    return const_cast<std::byte*>(found->bytes.data());
  }

 private:
  struct Free {
    void operator()(std::byte* block) const { ::operator delete(block, std::align_val_t{64}); }
  };
  using Block = std::unique_ptr<std::byte, Free>;

  std::vector<Block> blocks_;
  std::vector<ModelFile> files_;
};

std::vector<float> rows_of(const Model& model) {
  Image image{.width = 9, .height = 7};
  image.pixels.assign(9 * 7 * 3, 90);
  std::vector<float> rows = model.encode_texts({"a dog", "a much longer caption"}).release();
  const std::vector<float> more = model.encode_images(std::vector{image}).release();
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

const LoadOptions kAsStored = {.device = "cpu", .optimize = Optimize::never};

}  // namespace

TEST_CASE("a model in memory gives the rows of its directory", "[loading]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const FilesInMemory memory(folder.path());
  for (const Optimize optimize : {Optimize::never, Optimize::always}) {
    const LoadOptions options = {.device = "cpu", .optimize = optimize};
    const Model model = Model::load(memory.files(), options);
    CHECK(rows_of(model) == rows_of(Model::load(folder.path(), options)));
    CHECK(model.info().name == "tiny");
  }
}

TEST_CASE("weights in memory are used where they are", "[loading]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const FilesInMemory aligned(folder.path());
  const PartMemory vision = Model::load(aligned.files(), kAsStored).vision()->memory;
  CHECK(vision.mapped_bytes == 96u * 192 * 4);
  CHECK(vision.copied_bytes == 0);

  const FilesInMemory shifted(folder.path(), 8);
  const Model model = Model::load(shifted.files(), kAsStored);
  CHECK(model.vision()->memory.mapped_bytes == 0);
  CHECK(model.vision()->memory.copied_bytes == 96u * 192 * 4);
  CHECK(rows_of(model) == rows_of(Model::load(aligned.files(), kAsStored)));
}

TEST_CASE("a model in memory is checked as files are", "[loading]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  FilesInMemory memory(folder.path());
  const auto refusal = [](const std::vector<ModelFile>& files) {
    return error_of([&] { Model::load(files, kAsStored); });
  };
  CHECK(refusal(memory.without("vision.pt")).kind() == ErrorKind::bad_model);
  CHECK_THAT(refusal(memory.without("vision.pt")).what(), Contains("has no file vision.pt"));
  CHECK_THAT(refusal(memory.without("llm2clip.json")).what(),
             Contains("has no file llm2clip.json"));
  CHECK_NOTHROW(Model::load(memory.without("vision.pt"), {.device = "cpu", .vision = false}));

  std::vector<ModelFile> twice = memory.files();
  twice.push_back(twice[0]);
  CHECK(refusal(twice).kind() == ErrorKind::invalid_argument);

  std::byte& last = memory.of("text.pt")[100];
  last ^= std::byte{1};
  CHECK_THAT(refusal(memory.files()).what(), Contains("text.pt: SHA-256 is"));
}

TEST_CASE("loading from memory is cancelled while it hashes", "[loading]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const FilesInMemory memory(folder.path());
  LoadOptions options = kAsStored;
  options.stop = [] { return true; };
  CHECK(error_of([&] { Model::load(memory.files(), options); }).kind() == ErrorKind::cancelled);
}
