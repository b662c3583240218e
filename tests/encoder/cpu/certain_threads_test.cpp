#include "encoder/cpu/certain_threads.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "encoder/cpu/parallel.h"
#include "llm2clip/model.h"
#include "llm2clip/threads.h"
#include "llm2clip/torch.h"
#include "model/tolerances.h"
#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

constexpr const char* kDemo = "models/demo";

// More than shares evenly, so that rows are computed by all threads together as well as apart.
std::vector<Image> some_images() {
  std::vector<Image> images;
  for (int i = 0; i < 5; ++i) {
    Image image{.width = 40 + 7 * i, .height = 50};
    image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
    for (std::size_t j = 0; j < image.pixels.size(); ++j) {
      image.pixels[j] = static_cast<std::uint8_t>(j * (static_cast<std::size_t>(i) + 1) / 50);
    }
    images.push_back(std::move(image));
  }
  return images;
}

const std::vector<std::string> kTexts = {"a red circle", "a blue square on the left", "",
                                         "two rings and a cross above a green triangle", "a star"};

struct Rows {
  Embeddings images;
  Embeddings texts;
};

Rows rows_of(const Model& model) {
  static const std::vector<Image> images = some_images();
  return {model.encode_images(images), model.encode_texts(kTexts)};
}

Model load_demo() {
  return Model::load(
      kDemo, {.device = "cpu", .precision = Precision::float32, .optimize = Optimize::always});
}

double cosine_of(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// A NaN agrees with nothing.
bool agree(const Embeddings& ours, const Embeddings& right) {
  if (ours.rows() != right.rows()) return false;
  for (std::size_t i = 0; i < ours.rows(); ++i) {
    if (!(cosine_of(ours[i], right[i]) >= network_tolerance("float32").cosine)) return false;
  }
  return true;
}
bool agree(const Rows& ours, const Rows& right) {
  return agree(ours.images, right.images) && agree(ours.texts, right.texts);
}

// Of a model that was loaded and runs on one thread.
const Rows& right_rows() {
  static const Rows rows = [] {
    set_threads(1);
    return rows_of(load_demo());
  }();
  return rows;
}

int threads_inside() {
  const CertainThreads certain;
  return omp_get_max_threads();
}

int team_inside() {
  const CertainThreads certain;
  int size = 1;
#pragma omp parallel
#pragma omp master
  size = omp_get_num_threads();
  return size;
}

}  // namespace

// First: set_threads() holds from its first call on.
TEST_CASE("without set_threads the number is LibTorch's", "[encoder][certain_threads]") {
  at::set_num_threads(3);
  CHECK(threads_inside() == std::min(3, team_inside()));
  CHECK(at::get_num_threads() == 3);
  std::thread([] { CHECK(threads_inside() == team_inside()); }).join();
}

TEST_CASE("a team has the threads that work is planned for", "[encoder][certain_threads]") {
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    CHECK(threads_inside() <= threads);
    CHECK(threads_inside() == team_inside());
  }
}

TEST_CASE("the settings of LibTorch, of OpenMP and of MKL are put back",
          "[encoder][certain_threads]") {
  for (const int dynamic : {0, 1}) {
    omp_set_dynamic(dynamic);
    omp_set_num_threads(4);
    set_threads(2);
    {
      const CertainThreads outer;
      CHECK(omp_get_dynamic() == 0);
      CHECK(omp_get_max_threads() <= 2);
      const CertainThreads inner;
      CHECK(omp_get_max_threads() <= 2);
    }
    CHECK(omp_get_dynamic() == dynamic);
    CHECK(omp_get_max_threads() == 4);
    CHECK(at::get_num_threads() == 4);
  }
  omp_set_dynamic(0);
}

TEST_CASE("rows are right for any number of threads", "[encoder][certain_threads]") {
  const Rows& right = right_rows();
  for (const int threads : {2, 3, 7}) {
    set_threads(threads);
    const Model model = load_demo();
    for (int i = 0; i < 3; ++i) CHECK(agree(rows_of(model), right));
  }
}

TEST_CASE("rows are right after omp_set_dynamic(1)", "[encoder][certain_threads]") {
  const Rows& right = right_rows();
  set_threads(4);
  omp_set_dynamic(1);  // as an OpenCV with OpenMP does when it is loaded
  const Model model = load_demo();
  for (int i = 0; i < 5; ++i) CHECK(agree(rows_of(model), right));
  CHECK(omp_get_dynamic() == 1);
  omp_set_dynamic(0);
}

TEST_CASE("rows are right inside of a parallel region of the caller",
          "[encoder][certain_threads]") {
  const Rows& right = right_rows();
  set_threads(4);
  const Model outside = load_demo();
  for (const int levels : {1, 2}) {
    omp_set_max_active_levels(levels);
    std::atomic<int> wrong = 0;
#pragma omp parallel num_threads(3)
    {
      const Model inside = load_demo();
      if (!agree(rows_of(inside), right) || !agree(rows_of(outside), right)) ++wrong;
    }
#pragma omp parallel num_threads(1)  // of one thread: a region that is not active
    if (!agree(rows_of(outside), right)) ++wrong;
    CHECK(wrong == 0);
  }
  omp_set_max_active_levels(1);
  CHECK(agree(rows_of(outside), right));
}

TEST_CASE("rows are right in threads that have settings of their own",
          "[encoder][certain_threads]") {
  const Rows& right = right_rows();
  set_threads(4);
  const Model model = load_demo();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      omp_set_dynamic(i % 2);
      omp_set_num_threads(i + 1);
      for (int round = 0; round < 3; ++round) wrong += agree(rows_of(model), right) ? 0 : 1;
      if (omp_get_dynamic() != i % 2 || omp_get_max_threads() != i + 1) ++wrong;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("set_threads refuses what is no number of threads", "[encoder][certain_threads]") {
  for (const int threads : {0, -1, kMostThreads + 1, 99'999'999, INT32_MIN, INT32_MAX}) {
    const Error error = error_of([&] { set_threads(threads); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK_THAT(error.what(),
               Contains("threads: expected 1 to 1024, got " + std::to_string(threads)));
  }
  set_threads(kMostThreads);
  set_threads(2);
}

#ifndef __SANITIZE_ADDRESS__  // which cannot make its own tables when memory is short
namespace {

std::size_t mapped_bytes() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

std::ptrdiff_t living_threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// While it lives the process may map no more than `room` bytes.
class TightMemory {
 public:
  explicit TightMemory(std::size_t room) {
    REQUIRE(::getrlimit(RLIMIT_AS, &before_) == 0);
    const struct rlimit tight{mapped_bytes() + room, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &tight) == 0);
  }
  ~TightMemory() { ::setrlimit(RLIMIT_AS, &before_); }
  TightMemory(const TightMemory&) = delete;
  TightMemory& operator=(const TightMemory&) = delete;

 private:
  struct rlimit before_{};
};

}  // namespace

TEST_CASE("threads that cannot be made are an error before OpenMP ends the process",
          "[encoder][certain_threads]") {
  if (omp_get_thread_limit() < 64) return;
  // In a thread of its own, which has led no team: room for two stacks or so.
  std::thread([&] {
    set_threads(2);
    threads_inside();
    {
      const TightMemory tight(std::size_t{20} << 20);
      set_threads(64);
      const Error error = error_of([] { threads_inside(); });
      CHECK(error.kind() == ErrorKind::unavailable);
      CHECK_THAT(error.what(), Contains("threads: 64 were asked for, and the system gives "));
    }
    set_threads(2);
    CHECK(threads_inside() == 2);
  }).join();
}

TEST_CASE("threads of a team that is gone are asked for again", "[encoder][certain_threads]") {
  if (omp_get_thread_limit() < 64) return;
  std::thread([&] {
    const auto at_first = living_threads();
    set_threads(64);
    team_inside();
    set_threads(2);
    team_inside();  // of which OpenMP keeps two threads
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (living_threads() > at_first + 1 && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::yield();
    }
    {
      const TightMemory tight(std::size_t{20} << 20);
      set_threads(64);
      CHECK(error_of([] { threads_inside(); }).kind() == ErrorKind::unavailable);
    }
    set_threads(2);
    CHECK(threads_inside() == 2);
  }).join();
}

TEST_CASE("nothing is computed with the caller's number of threads beside set_threads",
          "[encoder][certain_threads]") {
  if (omp_get_thread_limit() < 1024) return;
  std::vector<std::string> texts;  // so many that their rows are copied in parallel
  for (int i = 100; i < 300; ++i) texts.push_back("a red circle " + std::to_string(i));
  set_threads(2);
  const Model model = load_demo();
  const std::int64_t side = model.info().preprocess.image_size;
  const at::Tensor pixels = at::zeros({64, 3, side, side}, at::kDouble);
  const at::Tensor ids = at::ones({300, 400}, at::kLong).t();
  const EncodeOptions at_once{.batch_tokens = 100'000};
  const auto encode = [&] {
    CHECK(model.encode_texts(texts, at_once).rows() == texts.size());
    CHECK(encode_pixels(model, pixels).size(0) == 64);
    CHECK(encode_token_ids(model, ids, 0).size(0) == 400);
  };
  std::thread([&] {
    encode();
    omp_set_num_threads(1000);
    const TightMemory tight(std::size_t{2}
                            << 30);  // enough to compute in, not for a thousand stacks
    encode();
  }).join();
}
#endif
