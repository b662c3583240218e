// Measures products of float32 rows with one weight, ours and those of other libraries.
//
//   product_bench [--shape 4096x14336]... [--rows 26,128,2048] [--threads 1] [--rounds 5]
//                 [--processor avx2] [--openblas libopenblas.so] [--only "ours float32"]
//
// Prints GFLOP/s, the median of the rounds and the least and largest, a line for each number of
// rows and library; in a round the libraries take turns. With one thread the processor's time is
// counted, so that other work beside it disturbs less, else the time that passes. `--processor
// avx2` holds oneDNN, LibTorch and our loops down; `--openblas` is a library with cblas_sgemm,
// numpy's for example (numpy.libs/libscipy_openblas64_*.so).

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>
#include <torch/custom_class.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "cpu_time.h"
#include "encoder/cpu/processor.h"
#include "encoder/cpu/stored_product.h"

namespace {

using llm2clip::multiply_stored;
using llm2clip::processor_products;
using llm2clip::ProductSpeed;
using llm2clip::RowsAs;
using llm2clip::StoredWeight;

struct Flags {
  std::vector<std::string> shapes = {"4096x14336"};
  std::vector<std::int64_t> rows = {1, 26, 128, 2048};
  int threads = 1;
  int rounds = 5;
  std::string processor;
  std::string openblas;
  std::string only;
};

using Product = std::function<at::Tensor(const at::Tensor& x)>;

struct Library {
  std::string name;
  Product multiply;
  std::vector<double> rates = {};  // GFLOP/s of each round
};

template <typename Signature>
auto operator_named(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Product onednn(const at::Tensor& weight) {
  static const auto reorder =
      operator_named<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>(
          "mkldnn::_reorder_linear_weight");
  static const auto linear = operator_named<at::Tensor(
      const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, c10::string_view,
      c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>)>(
      "mkldnn::_linear_pointwise");
  return [packed = reorder.call(weight, c10::SymInt(128))](const at::Tensor& x) {
    return linear.call(x, packed, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
  };
}

// Weights rounded to float16.
Product fbgemm(const at::Tensor& weight) {
  std::vector<at::IValue> stack = {weight, at::IValue()};
  c10::Dispatcher::singleton()
      .findSchemaOrThrow("quantized::linear_prepack_fp16", "")
      .callBoxed(&stack);
  const at::IValue packed = stack.back();
  return [packed](const at::Tensor& x) {
    std::vector<at::IValue> arguments = {x, packed};
    c10::Dispatcher::singleton()
        .findSchemaOrThrow("quantized::linear_dynamic_fp16", "")
        .callBoxed(&arguments);
    return arguments.back().toTensor();
  };
}

Product openblas(const std::string& path, const at::Tensor& weight, int threads) {
  using Multiply =
      void (*)(int, int, int, std::int64_t, std::int64_t, std::int64_t, float, const float*,
               std::int64_t, const float*, std::int64_t, float, float*, std::int64_t);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw std::runtime_error(dlerror());
  auto* multiply = reinterpret_cast<Multiply>(dlsym(library, "scipy_cblas_sgemm64_"));
  auto* set_threads =
      reinterpret_cast<void (*)(int)>(dlsym(library, "scipy_openblas_set_num_threads64_"));
  if (!multiply || !set_threads) throw std::runtime_error(path + ": has no scipy_cblas_sgemm64_");
  set_threads(threads);
  return [=](const at::Tensor& x) {
    constexpr int kRowMajor = 101, kAsItIs = 111, kTransposed = 112;
    const std::int64_t m = x.size(0), n = weight.size(0), k = weight.size(1);
    at::Tensor result = at::empty({m, n});
    multiply(kRowMajor, kAsItIs, kTransposed, m, n, k, 1.0f, x.const_data_ptr<float>(), k,
             weight.const_data_ptr<float>(), k, 0.0f, result.mutable_data_ptr<float>(), n);
    return result;
  };
}

// Of rows in bfloat16.
Product halves(const Product& multiply) {
  return [multiply](const at::Tensor& x) { return multiply(x.to(at::kBFloat16)); };
}

Product ours(const StoredWeight& weight, RowsAs rows_as = RowsAs::they_are) {
  return [=](const at::Tensor& x) { return multiply_stored(x, weight, std::nullopt, rows_as); };
}

std::vector<Library> libraries(const Flags& flags, std::int64_t depth, std::int64_t columns) {
  const at::Tensor weight = at::randn({columns, depth});
  const auto scales = [&](std::int64_t group) {
    return at::rand({columns, depth / group}).to(at::kBFloat16);
  };
  const StoredWeight int8{at::randint(-127, 128, {columns, depth}, at::kChar), scales(64), {}};
  const StoredWeight int4{at::randint(0, 256, {columns, depth / 2}, at::kByte), scales(32),
                          scales(32)};
  const at::Tensor bfloat16 = weight.to(at::kBFloat16);
  std::vector<Library> all = {
      {"MKL float32", [weight](const at::Tensor& x) { return at::linear(x, weight); }},
      {"oneDNN float32, laid out", onednn(weight)},
      {"FBGEMM float16", fbgemm(weight)},
      {"ours float32", ours({weight, {}, {}})},
      {"ours bfloat16", ours({bfloat16, {}, {}})},
      {"ours float16", ours({weight.to(at::kHalf), {}, {}})},
      {"ours int8", ours(int8)},
      {"ours int4", ours(int4)},
      {"ours int8, rows in int16", ours(int8, RowsAs::int16)},
      {"ours int4, rows in int16", ours(int4, RowsAs::int16)},
      {"ours int8, rows in int8", ours(int8, RowsAs::int8)},
      {"ours int4, rows in int8", ours(int4, RowsAs::int8)},
      {"rows bf16: ours bfloat16", halves(ours({bfloat16, {}, {}}))},
      {"rows bf16: ours int8", halves(ours(int8))},
      {"rows bf16: ours int4", halves(ours(int4))}};
  if (processor_products().bfloat16 == ProductSpeed::native) {
    all.push_back({"rows bf16: LibTorch bfloat16",
                   halves([bfloat16](const at::Tensor& x) { return at::linear(x, bfloat16); })});
    all.push_back({"rows bf16: oneDNN bfloat16, laid out", halves(onednn(bfloat16))});
  }
  if (!flags.openblas.empty()) {
    all.push_back({"OpenBLAS float32", openblas(flags.openblas, weight, flags.threads)});
  }
  std::erase_if(all, [&](const Library& library) {
    return library.name.find(flags.only) == std::string::npos;
  });
  return all;
}

double seconds(const Flags& flags) {
  if (flags.threads == 1) return llm2clip::bench::cpu_seconds();
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void measure(const Flags& flags, std::int64_t depth, std::int64_t columns) {
  std::vector<Library> all = libraries(flags, depth, columns);
  for (const std::int64_t rows : flags.rows) {
    const at::Tensor x = at::randn({rows, depth});
    const double work = 2e-9 * static_cast<double>(rows * depth * columns);
    const int times = std::max(1, static_cast<int>(4 * flags.threads / work));
    for (Library& library : all) library.rates.clear();
    for (int round = 0; round < flags.rounds; ++round) {
      for (Library& library : all) {
        library.multiply(x);
        const double start = seconds(flags);
        for (int i = 0; i < times; ++i) library.multiply(x);
        library.rates.push_back(work * times / (seconds(flags) - start));
      }
    }
    for (Library& library : all) {
      std::sort(library.rates.begin(), library.rates.end());
      std::printf("%ldx%ld, %4ld rows, %d threads  %-26s %4.0f (%.0f to %.0f) GFLOP/s\n", depth,
                  columns, rows, flags.threads, library.name.c_str(),
                  library.rates[library.rates.size() / 2], library.rates.front(),
                  library.rates.back());
    }
    std::fflush(stdout);
  }
}

void hold_to_avx2() {
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  setenv("ATEN_CPU_CAPABILITY", "avx2", 1);
  setenv("LLM2CLIP_MAX_CPU_ISA", "AVX2", 1);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures products with one weight, ours and those of other libraries.");
  Flags flags;
  app.add_option("--shape", flags.shapes, "KxN");
  app.add_option("--rows", flags.rows)->delimiter(',');
  app.add_option("--threads", flags.threads);
  app.add_option("--rounds", flags.rounds);
  app.add_option("--processor", flags.processor)->check(CLI::IsMember({"avx2"}));
  app.add_option("--only", flags.only, "libraries that have this in their names");
  app.add_option("--openblas", flags.openblas, "a library with scipy_cblas_sgemm64_");
  CLI11_PARSE(app, argc, argv);
  if (!flags.processor.empty()) hold_to_avx2();
  at::set_num_threads(flags.threads);
  const c10::InferenceMode inference;
  for (const std::string& shape : flags.shapes) {
    long depth = 0, columns = 0;
    if (std::sscanf(shape.c_str(), "%ldx%ld", &depth, &columns) != 2) {
      std::fprintf(stderr, "product_bench: --shape: expected KxN, got \"%s\"\n", shape.c_str());
      return 2;
    }
    measure(flags, depth, columns);
  }
}
