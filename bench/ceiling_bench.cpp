// Measures what the machine allows, round by round (rounds.h).
//
//   ceiling_bench products FILE [--precision bfloat16] [--seconds 2]
//   ceiling_bench read [--seconds 2]
//   ceiling_bench jpeg FOLDER [--seconds 2]
//   ceiling_bench libtorch                                   starts and ends
//
// `products`: the matrix products of a tower alone, by oneDNN with weights laid out beforehand.
// FILE has a line for each weight: K N, and the rows that it is multiplied with in every batch.
// `read`: memory, by all threads at once. `jpeg`: libjpeg-turbo, from memory, a file a thread.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>

// libjpeg's header needs these first.
#include <jpeglib.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "rounds.h"

namespace {

using llm2clip::bench::answer_rounds;
using llm2clip::bench::repeat;

struct Flags {
  std::string path;
  std::string precision = "bfloat16";
  double seconds = 2;
  int threads = 2;
};

// ---- products

struct Product {
  std::int64_t inputs = 0;         // K
  std::int64_t outputs = 0;        // N
  std::vector<std::int64_t> rows;  // of each batch
};

std::vector<Product> read_products(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  std::vector<Product> products;
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    Product product;
    numbers >> product.inputs >> product.outputs;
    product.rows.assign(std::istream_iterator<std::int64_t>(numbers), {});
    products.push_back(product);
  }
  if (products.empty()) throw std::runtime_error(path + ": has no products");
  return products;
}

at::Tensor random(std::int64_t rows, std::int64_t columns, at::ScalarType type) {
  return at::randn({rows, columns}, at::TensorOptions().dtype(type));
}

// The operators have no C++ header.
at::Tensor lay_out(const at::Tensor& weight, std::int64_t rows) {
  static const auto reorder =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
          .typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>();
  return reorder.call(weight, c10::SymInt(rows));
}

// What towers stored in `type` compute in by default: float32 where the processor lacks the
// products.
at::ScalarType computed_type(at::ScalarType type) {
  try {
    lay_out(random(64, 64, type), 64);
    return type;
  } catch (const std::exception&) {
    return at::kFloat;
  }
}

at::Tensor product_of(const at::Tensor& rows, const at::Tensor& weight) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            c10::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<c10::string_view>)>();
  return linear.call(rows, weight, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(),
                     "");
}

// Each product has a weight of its own, as in the tower: what is in the caches is the same.
class Products {
 public:
  Products(const std::string& path, at::ScalarType type)
      : products_(read_products(path)), type_(computed_type(type)) {
    for (const Product& product : products_) {
      weights_.push_back(lay_out(random(product.outputs, product.inputs, type_), product.rows[0]));
    }
  }

  std::size_t batches() const { return products_[0].rows.size(); }

  void run(std::size_t batch) {
    for (std::size_t i = 0; i < products_.size(); ++i) {
      product_of(inputs(products_[i].rows.at(batch), products_[i].inputs), weights_[i]);
    }
  }

 private:
  // One for products of equal shape that follow one another; not part of what is measured for long.
  const at::Tensor& inputs(std::int64_t rows, std::int64_t columns) {
    at::Tensor& found = inputs_[{rows, columns}];
    if (!found.defined()) found = random(rows, columns, type_);
    return found;
  }

  std::vector<Product> products_;
  at::ScalarType type_;
  std::vector<at::Tensor> weights_;
  std::map<std::pair<std::int64_t, std::int64_t>, at::Tensor> inputs_;
};

void products(const Flags& flags) {
  Products tower(flags.path, flags.precision == "float32" ? at::kFloat : at::kBFloat16);
  const auto all = [&] {
    for (std::size_t batch = 0; batch < tower.batches(); ++batch) tower.run(batch);
    return 1.0;
  };
  tower.run(0);
  answer_rounds({{"onednn", true}}, [&] { return repeat(flags.seconds, all); });
}

// ---- memory

void read_memory(const Flags& flags) {
  constexpr std::size_t kWords = std::size_t{1} << 27;  // a gigabyte: no cache holds it
  const std::vector<std::uint64_t> words(kWords, 1);
  std::atomic<std::uint64_t> total = 0;
  const auto pass = [&] {
    std::vector<std::jthread> readers;
    const std::size_t share = kWords / static_cast<std::size_t>(flags.threads);
    for (int i = 0; i < flags.threads; ++i) {
      readers.emplace_back([&, start = words.data() + static_cast<std::size_t>(i) * share] {
        total += std::accumulate(start, start + share, std::uint64_t{0});
      });
    }
    readers.clear();
    return static_cast<double>(kWords * sizeof(std::uint64_t));
  };
  answer_rounds({{"bytes", kWords * sizeof(std::uint64_t)}},
                [&] { return repeat(flags.seconds, pass); });
}

// ---- JPEG

using Bytes = std::vector<unsigned char>;

std::vector<Bytes> read_folder(const std::string& folder) {
  std::vector<Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  if (files.empty()) throw std::runtime_error(folder + ": has no files");
  return files;
}

void decode(const Bytes& bytes, Bytes& pixels) {
  jpeg_decompress_struct image{};
  jpeg_error_mgr errors{};
  image.err = jpeg_std_error(&errors);  // ends the program
  jpeg_create_decompress(&image);
  jpeg_mem_src(&image, bytes.data(), bytes.size());
  jpeg_read_header(&image, TRUE);
  image.out_color_space = JCS_RGB;
  jpeg_start_decompress(&image);
  const std::size_t stride = std::size_t{image.output_width} * 3;
  pixels.resize(stride * image.output_height);
  while (image.output_scanline < image.output_height) {
    unsigned char* row = pixels.data() + image.output_scanline * stride;
    jpeg_read_scanlines(&image, &row, 1);
  }
  jpeg_finish_decompress(&image);
  jpeg_destroy_decompress(&image);
}

void jpeg(const Flags& flags) {
  const std::vector<Bytes> files = read_folder(flags.path);
  const auto pass = [&] {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> decoders;
    for (int i = 0; i < flags.threads; ++i) {
      decoders.emplace_back([&] {
        Bytes pixels;
        for (std::size_t file = next++; file < files.size(); file = next++)
          decode(files[file], pixels);
      });
    }
    decoders.clear();
    return static_cast<double>(files.size());
  };
  answer_rounds({{"files", files.size()}}, [&] { return repeat(flags.seconds, pass); });
}

void nothing(const Flags&) {}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures what the machine allows, for bench/run.");
  app.require_subcommand(1);
  Flags flags;
  const auto add = [&](const char* name, bool with_path, void (*measure)(const Flags&)) {
    CLI::App* command = app.add_subcommand(name);
    if (with_path) command->add_option("PATH", flags.path)->required();
    command->add_option("--precision", flags.precision)
        ->check(CLI::IsMember({"bfloat16", "float32"}));
    command->add_option("--seconds", flags.seconds);
    command->add_option("--threads", flags.threads);
    command->callback([&flags, measure] {
      at::set_num_threads(flags.threads);
      const c10::InferenceMode inference;
      measure(flags);
    });
  };
  add("products", true, products);
  add("read", false, read_memory);
  add("jpeg", true, jpeg);
  add("libtorch", false, nothing);
  return llm2clip::bench::guarded("ceiling_bench", [&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      throw std::runtime_error(error.what());
    }
  });
}
