// Note [Errors only]: memory is refused to each public call, one allocation after another, and what
// leaves the call is an Error of the right kind.

#include "base/errors_only.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <optional>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/llm2clip.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"
#include "support/tiny_model.h"

namespace {

// Of the thread that sets them.
thread_local std::size_t allocations_left = SIZE_MAX;  // until one fails
thread_local bool all_fail = false;                    // from then on, or that one alone
thread_local std::size_t least_counted = 0;            // bytes
thread_local std::size_t largest_allowed = SIZE_MAX;
thread_local bool has_failed = false;

void* allocate(std::size_t bytes) {
  const bool counted = bytes >= least_counted;
  const bool spent = counted && allocations_left == 0;
  if (counted && allocations_left != SIZE_MAX && !spent) --allocations_left;
  if (spent && !all_fail) allocations_left = SIZE_MAX;
  if (spent || bytes > largest_allowed) {
    has_failed = true;
    throw std::bad_alloc();
  }
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
// AddressSanitizer has its own otherwise, whose memory is not for free().
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return allocate(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new[](std::size_t bytes, const std::nothrow_t& nothrow) noexcept {
  return operator new(bytes, nothrow);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::Scratch;
using testing::TinyModel;

// "" for an Error(out_of_memory) or none, else what left `call` instead.
std::string what_leaves(const std::function<void()>& call, std::size_t allocations, bool all) {
  std::string left;
  has_failed = false;
  all_fail = all;
  allocations_left = allocations;
  const auto disarm = [] { allocations_left = SIZE_MAX; };
  try {
    call();
    disarm();
  } catch (const Error& error) {
    disarm();
    if (error.kind() != ErrorKind::out_of_memory) left = error.what();
  } catch (const std::exception& error) {
    disarm();
    left = std::string("no Error: ") + error.what();
  }
  return left;
}

// nlohmann's JSON allocates where it is destroyed, and a program whose memory ends there ends. So
// calls that have to do with JSON are refused their larger allocations alone.
class LargerAlone {
 public:
  LargerAlone() { least_counted = 500; }
  ~LargerAlone() { least_counted = 0; }
};

// Fails the n-th allocation of `call`, for every n up to `most` and ever fewer beyond.
void check_every_allocation(const std::function<void()>& call, std::size_t exact = 200) {
  call();  // what is made once
  for (const bool all : {false, true}) {
    std::size_t failed = 0;
    for (std::size_t n = 0;; n += n < exact ? 1 : n / 8) {
      const std::string left = what_leaves(call, n, all);
      if (!has_failed) break;
      ++failed;
      INFO("allocation " << n << (all ? " and all behind it" : " alone"));
      CHECK(left == "");
    }
    CHECK(failed > 0);
  }
}

// An allocation of more than `bytes` fails, until the end of the scope.
class NoneAbove {
 public:
  explicit NoneAbove(std::size_t bytes) { largest_allowed = bytes; }
  ~NoneAbove() { largest_allowed = SIZE_MAX; }
};

EmbeddingsFile three_rows() {
  EmbeddingsFile content{
      Embeddings(3, 4), {std::string(3000, 'a'), "\xff\xfe, not UTF-8", "c"}, {}};
  content.provenance = {{"model", "a name that is too long to be kept inside"}};
  return content;
}

TEST_CASE("embeddings and similarities", "[errors_only]") {
  check_every_allocation([] { Embeddings(10, 10); });
  const Embeddings rows(3, 50);
  check_every_allocation([&] { cosines(rows, rows); });
  const std::vector<float> values(100, 0.5f);
  check_every_allocation([&] { softmax(values, 100); });
  check_every_allocation([&] { sigmoid(values, 100); });
  check_every_allocation([&] { top_k(values, 3); });
}

TEST_CASE("files of embeddings", "[errors_only]") {
  const Scratch scratch;
  const EmbeddingsFile content = three_rows();
  for (const char* name : {"x.npy", "x.jsonl", "x.csv"}) {
    INFO(name);
    const fs::path path = scratch / name;
    check_every_allocation([&] { write_embeddings(path, content); });
  }
  {
    const LargerAlone json;
    const fs::path path = scratch / "x.safetensors";
    check_every_allocation([&] { write_embeddings(path, content); });
    check_every_allocation([&] { read_embeddings(path); });
  }
  check_every_allocation([&] { embedding_json(content.ids[0], content.embeddings[0]); });
  check_every_allocation([&] { detail::json_id(content.ids[1]); });
  const std::vector<std::uint8_t> bytes(10);
  const fs::path plain = scratch / "x.bin";
  check_every_allocation([&] { detail::write_file(plain, bytes); });
  const fs::path pixels = scratch / "p.npy";
  check_every_allocation([&] {
    NpyWriter writer(pixels, std::array<std::size_t, 1>{4});
    writer.append(content.embeddings[0]);
    writer.finish();
  });
  for (const auto& entry : fs::directory_iterator(scratch.path())) {
    CHECK(entry.path().extension() != ".tmp");
  }
}

TEST_CASE("runs", "[errors_only]") {
  const Scratch scratch;
  const fs::path path = scratch / "x.npy";
  const std::vector<float> row(500);
  const std::string id(1000, 'x');
  const LargerAlone json;
  check_every_allocation([&] {
    RunOptions options;
    options.existing = Existing::overwrite;
    options.dim = row.size();
    Run run(path, options);
    if (const auto input = run.take(id, "content")) run.add(*input, row);
    if (const auto input = run.take("b.jpg", "content")) run.fail(*input, {"read", "code", "why"});
    run.commit();
    run.summary();
    run.finish();
  });
}

TEST_CASE("images", "[errors_only]") {
  Image image{.width = 40,
              .height = 30,
              .mode = ImageMode::gray,
              .pixels = std::vector<std::uint8_t>(1200)};
  const Image rgb = to_rgb(image);
  check_every_allocation([&] { to_rgb(image); });
  check_every_allocation([&] { resize_and_crop(image, {.image_size = 16}); });
  check_every_allocation([&] {
    std::array<float, 3 * 16 * 16> pixels;
    preprocess(image, {.image_size = 16}, pixels);
  });
  check_every_allocation([&] { encode_png(rgb); });
}

TEST_CASE("tokenizers", "[errors_only]") {
  const TinyModel tiny;
  const fs::path path = tiny.folder.path() / "tokenizer.json";
  {
    const LargerAlone json;
    check_every_allocation([&] { Tokenizer::load(path); }, 50);
  }
  const std::string text = "two dogs, \xe7\x8c\xab and a <|eot_id|> " + std::string(300, 'x');
  check_every_allocation([&] { tiny.model.tokenizer().encode(text); });
  check_every_allocation([&] { tiny.model.tokenizer().encode_raw(text); });
}

TEST_CASE("models and classifiers", "[errors_only]") {
  const TinyModel tiny;
  const LargerAlone json;
  check_every_allocation([&] { read_model_info(tiny.folder.path()); }, 50);
  check_every_allocation([&] { load_tokenizer(tiny.folder.path()); }, 50);
  const std::vector<std::string> labels = {"dog", std::string(600, 'x')};
  const Classifier classifier = Classifier::from_labels(tiny.model, labels);
  const fs::path path = tiny.folder.path() / "bank.safetensors";
  check_every_allocation([&] { classifier.save(path); });
  check_every_allocation([&] { Classifier::load(path); });
}

std::vector<Image> pictures_with_a_large_one() {
  std::vector<Image> images;
  for (const int side : {10, 1000, 12}) {
    Image image{.width = side, .height = side, .mode = ImageMode::gray};
    image.pixels.assign(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 90);
    images.push_back(image);
  }
  return images;
}

TEST_CASE("an image or text that memory does not suffice for is out_of_memory", "[errors_only]") {
  const TinyModel tiny;
  const std::vector<Image> images = pictures_with_a_large_one();
  const std::vector<std::string> texts = {"a dog", std::string(3'000'000, 'x'), "a cat"};
  const NoneAbove limit(2 << 20);
  CHECK(error_of([&] { tiny.model.encode_images(images); }).kind() == ErrorKind::out_of_memory);
  CHECK(error_of([&] { tiny.model.encode_texts(texts); }).kind() == ErrorKind::out_of_memory);
}

TEST_CASE("with left_out it is left out alone", "[errors_only]") {
  const TinyModel tiny;
  const std::vector<Image> images = pictures_with_a_large_one();
  const std::vector<std::string> texts = {"a dog", std::string(3'000'000, 'x'), "a cat"};
  std::map<std::size_t, ErrorKind> left_out;
  EncodeOptions options;
  options.left_out = [&](std::size_t input, const Error& error) {
    left_out.emplace(input, error.kind());
  };
  const auto check = [&](const Embeddings& rows, const Embeddings& whole) {
    CHECK(left_out == std::map<std::size_t, ErrorKind>{{1, ErrorKind::out_of_memory}});
    REQUIRE(rows.rows() == 3);
    for (const std::size_t good : {0, 2}) CHECK(cosine(rows[good], whole[good]) == Approx(1));
    for (const float value : rows[1]) CHECK(value == 0);
    left_out.clear();
  };
  const Embeddings all_images = tiny.model.encode_images(images);
  const Embeddings all_texts = tiny.model.encode_texts(texts);
  const NoneAbove limit(2 << 20);
  check(tiny.model.encode_images(images, options), all_images);
  check(tiny.model.encode_texts(texts, options), all_texts);
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // they need addresses themselves
TEST_CASE("a model whose files get no addresses is refused by the limit's name", "[errors_only]") {
  const TinyModel tiny;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit now = before;
  now.rlim_cur = (pages + 16) * static_cast<std::size_t>(::getpagesize());
  REQUIRE(::setrlimit(RLIMIT_AS, &now) == 0);
  std::optional<Error> error;
  try {
    Model::load(tiny.folder.path(), {.device = "cpu"});
  } catch (const Error& thrown) {
    error = thrown;
  }
  REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::out_of_memory);
  CHECK_THAT(error->what(), Catch::Matchers::Contains("RLIMIT_AS leaves"));
}
#endif

TEST_CASE("what a callback throws goes through as it is", "[errors_only]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {"a dog"};
  EncodeOptions options;
  options.progress = [](std::size_t) -> bool {
    throw std::system_error(EIO, std::generic_category());
  };
  CHECK_THROWS_AS(tiny.model.encode_texts(texts, options), std::system_error);
}

}  // namespace
}  // namespace llm2clip
