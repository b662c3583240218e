#include "encoder/torch_module.h"

#include <ATen/ops/from_blob.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "encoder/archive/archive.h"
#include "encoder/archive/archive_code.h"
#include "encoder/archive/archive_directory.h"
#include "encoder/archive/graph_check.h"
#include "encoder/cpu/certain_threads.h"
#include "encoder/cpu/optimized_graph.h"
#include "encoder/cpu/processor.h"
#include "encoder/scratch_meter.h"
#include "encoder/upload.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// The CPU's allocator has no error type of its own, and the interpreter makes a std::runtime_error
// of whatever an operator throws, with the words of it below a stack.
bool tells_of_memory(const std::exception& error) {
  const std::string_view words = error.what();
  for (const char* sign : {"DefaultCPUAllocator: ", "CUDA out of memory", "std::bad_alloc"}) {
    if (words.find(sign) != std::string_view::npos) return true;
  }
  return false;
}

// Runs `step`, turning what LibTorch throws into our errors. LibTorch also throws what is not
// c10::Error: std::runtime_error out of the interpreter, std::out_of_range out of the unpickler.
template <typename Step>
auto translate_errors(const std::filesystem::path& path, Step&& step) {
  try {
    return step();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    if (tells_of_memory(error)) {
      throw Error(ErrorKind::out_of_memory, path.string() + ": out of memory");
    }
    if (const auto* of_libtorch = dynamic_cast<const c10::Error*>(&error)) {
      throw Error(ErrorKind::bad_model, path.string() + ": LibTorch: " +
                                            first_line(of_libtorch->what_without_backtrace()));
    }
    throw Error(ErrorKind::bad_model, path.string() + ": LibTorch: " + first_line(error.what()));
  }
}

using PendingReads = std::unordered_map<const void*, ArchiveReader::PendingRead>;

// Points `tensor` into the mapping when its storage is a buffer whose read was only noted, and
// then adds that buffer and its bytes to `bound`.
void bind_to_mapping(at::Tensor tensor, const PendingReads& reads, const ArchiveBytes& file,
                     std::unordered_set<const void*>& bound) {
  if (!tensor.defined() || !tensor.has_storage()) return;
  const auto read = reads.find(tensor.storage().data());
  if (read == reads.end()) return;
  const auto& [buffer, offset, bytes] = read->second;
  bound.insert(buffer);
  // The mapping outlives the module: TorchModule::Impl holds both, in that order.
  std::byte* start = file.data() + offset +
                     static_cast<std::size_t>(tensor.storage_offset()) * tensor.element_size();
  const at::NoGradGuard no_grad;
  tensor.set_data(at::from_blob(start, tensor.sizes(), tensor.strides(), tensor.options()));
}

// Parameters and buffers are attributes too.
std::vector<at::Tensor> tensors_of(const torch::jit::Module& module) {
  std::vector<at::Tensor> tensors;
  for (const at::IValue& value : module.attributes(/*recurse=*/true)) {
    if (value.isTensor() && value.toTensor().defined()) tensors.push_back(value.toTensor());
  }
  return tensors;
}

torch::jit::Module load_copied(const std::shared_ptr<const ArchiveBytes>& file,
                               std::span<const ArchiveEntry> entries,
                               const std::filesystem::path& path) {
  return torch::jit::load(std::make_shared<ArchiveReader>(file, entries, path, /*defer=*/false),
                          at::kCPU);
}

torch::jit::Module load_bound(const std::shared_ptr<const ArchiveBytes>& file,
                              std::span<const ArchiveEntry> entries,
                              const std::filesystem::path& path) {
  const auto reader = std::make_shared<ArchiveReader>(file, entries, path, /*defer=*/true);
  torch::jit::Module module = torch::jit::load(reader, at::kCPU);
  PendingReads reads;
  for (const auto& read : reader->pending()) reads.emplace(read.buffer, read);

  // A storage that two tensors share is bound twice.
  std::unordered_set<const void*> bound;
  for (const at::Tensor& tensor : tensors_of(module)) bind_to_mapping(tensor, reads, *file, bound);

  // Somebody else holds a buffer that was never filled (a tensor in a list, say): read it all.
  return bound.size() == reads.size() ? module : load_copied(file, entries, path);
}

// Records stand at multiples of 64 of the archive.
bool is_aligned(const ArchiveBytes& file) {
  return reinterpret_cast<std::uintptr_t>(file.data()) % 64 == 0;
}

// The archive as bytes, then the module, then its graph: each is looked at before the next. Memory
// of the program's is never written to: a module that writes gets weights of its own.
torch::jit::Module load_checked(const std::shared_ptr<const ArchiveBytes>& file,
                                const std::filesystem::path& path, bool trusted) {
  const std::vector<ArchiveEntry> entries = read_archive_directory(file->bytes(), path);
  if (!trusted) check_archive_code(file->bytes(), entries, path);
  torch::jit::Module module =
      is_aligned(*file) ? load_bound(file, entries, path) : load_copied(file, entries, path);
  if (!trusted) check_graphs(module, path);
  if (file->writable() || !writes_to_tensors(module)) return module;
  return load_copied(file, entries, path);
}

// The bytes that the tensors take, each byte once however many of them show it.
PartMemory memory_of(const std::vector<at::Tensor>& tensors, const ArchiveBytes& file) {
  using Range = std::pair<const std::byte*, const std::byte*>;
  std::vector<Range> ranges;
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.has_storage()) continue;
    const auto* begin = static_cast<const std::byte*>(tensor.storage().data());
    ranges.emplace_back(begin, begin + tensor.storage().nbytes());
  }
  std::sort(ranges.begin(), ranges.end());

  PartMemory memory;
  const std::byte* counted = nullptr;  // everything below is
  for (const auto& [begin, end] : ranges) {
    const bool mapped = begin >= file.data() && begin < file.data() + file.size();
    const std::byte* start = std::max(begin, counted);
    if (end <= start) continue;
    (mapped ? memory.mapped_bytes : memory.copied_bytes) += static_cast<std::uint64_t>(end - start);
    counted = end;
  }
  return memory;
}

void move_to_device(torch::jit::Module& module, at::Device device, const Stop& stop) {
  const at::NoGradGuard no_grad;
  WeightUploader upload(device);
  for (at::Tensor tensor : tensors_of(module)) {
    check_stop(stop);
    if (tensor.device() != device) tensor.set_data(upload(tensor));
  }
  upload.finish();
}

at::ScalarType scalar_type(const std::string& precision) {
  if (precision == "bfloat16") return at::kBFloat16;
  if (precision == "float16") return at::kHalf;
  return at::kFloat;
}

RowsAs rows_as(const std::string& precision) {
  return precision == "int8-dynamic"    ? RowsAs::int8
         : precision == "int16-dynamic" ? RowsAs::int16
                                        : RowsAs::they_are;
}

bool has_native_halves(const torch::jit::Module& module) {
  const ProcessorProducts& products = processor_products();
  for (const at::Tensor& parameter : module.parameters(/*recurse=*/true)) {
    if (parameter.scalar_type() == at::kBFloat16) return products.bfloat16 == ProductSpeed::native;
    if (parameter.scalar_type() == at::kHalf) return products.float16 == ProductSpeed::native;
  }
  return false;
}

// Beside rows of 8 bits a half precision costs nothing more; rows of 16 bits are nearer to float32
// than it is.
Arithmetic arithmetic_of(const std::string& precision, const torch::jit::Module& module) {
  const bool wide = precision == "float32" || precision == "int16-dynamic" ||
                    (precision == "int8-dynamic" && !has_native_halves(module));
  return wide ? Arithmetic::float32 : Arithmetic::stored;
}

// Module::to would also narrow tables that the exporter keeps in float32 on purpose; only floating
// parameters are weights. What was read of the file for it need not stay in memory.
void convert_weights(torch::jit::Module& module, at::ScalarType type, const ArchiveBytes& file,
                     const Stop& stop) {
  const at::NoGradGuard no_grad;
  for (at::Tensor parameter : module.parameters(/*recurse=*/true)) {
    check_stop(stop);
    if (!parameter.is_floating_point() || parameter.scalar_type() == type) continue;
    const at::Tensor stored = parameter.detach();
    parameter.set_data(stored.to(type));
    if (stored.is_cpu()) file.forget(stored.const_data_ptr(), stored.nbytes());
  }
}

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

void raise(std::atomic<std::uint64_t>& highest, std::uint64_t value) {
  std::uint64_t seen = highest;
  while (value > seen && !highest.compare_exchange_weak(seen, value)) {
  }
}

// Counts what runs at the same time.
class Running {
 public:
  explicit Running(std::atomic<std::uint64_t>& count) : count_(count) { ++count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --count_; }

 private:
  std::atomic<std::uint64_t>& count_;
};

}  // namespace

struct TorchModule::Impl {
  std::filesystem::path path;
  std::shared_ptr<const ArchiveBytes> file;  // before `module`, whose weights point into it
  torch::jit::Module module;
  std::optional<OptimizedGraph> graph;  // in place of `module`
  OptimizeOutcome optimized;
  at::Device device = at::kCPU;
  std::optional<Uploader> uploader;                                // set by load()
  std::map<std::string, std::vector<std::int64_t>> weight_shapes;  // of an optimized module
  PartMemory weights;
  void optimize(Optimized wanted, Arithmetic arithmetic, RowsAs rows_as, const Stop& stop);

  std::atomic<std::uint64_t> passes = 0;        // that run now
  std::atomic<std::uint64_t> peak_scratch = 0;  // kUnknown once a pass could not be measured
};

// Where `arithmetic` is not what is stored, the parameters of 16 bits are not converted yet.
void TorchModule::Impl::optimize(Optimized wanted, Arithmetic arithmetic, RowsAs rows_as,
                                 const Stop& stop) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& weight : module.named_parameters()) {
    shapes[weight.name] = weight.value.sizes().vec();
  }
  const auto release = [&](const at::Tensor& weight) {
    file->forget(weight.const_data_ptr(), weight.nbytes());
    check_stop(stop);
  };
  try {
    graph.emplace(module, wanted == Optimized::prepacked, release, arithmetic, rows_as);
  } catch (const OptimizedGraph::NotPossible& error) {
    optimized = {Optimized::none, "cannot be optimized: " + first_line(error.what())};
    if (arithmetic != Arithmetic::stored) convert_weights(module, at::kFloat, *file, stop);
    weights = memory_of(tensors_of(module), *file);
    return;
  }
  weight_shapes = std::move(shapes);
  weights = memory_of(graph->tensors(), *file);
  weights.copied_bytes += graph->packed_bytes();
  optimized.how = graph->packed_bytes() > 0 ? Optimized::prepacked : Optimized::in_place;
  if (optimized.how == wanted) return;
  optimized.why = graph->operators().contains("stored_product")
                      ? "products read the weights where they lie"
                      : "no products that this processor prepacks";
}

const char* to_string(Optimized optimized) {
  switch (optimized) {
    case Optimized::none:
      return "none";
    case Optimized::in_place:
      return "in_place";
    case Optimized::prepacked:
      return "prepacked";
  }
  return "none";
}

TorchModule::TorchModule(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TorchModule::TorchModule(TorchModule&&) noexcept = default;
TorchModule& TorchModule::operator=(TorchModule&&) noexcept = default;
TorchModule::~TorchModule() = default;

TorchModule TorchModule::load(const StoredFile& file, const std::string& device,
                              const std::string& precision, Optimized optimized, bool trusted,
                              const Stop& stop) {
  return translate_errors(file.path, [&] {
    const CertainThreads threads;
    auto impl = std::make_unique<Impl>();
    impl->path = file.path;
    impl->file = std::make_shared<const ArchiveBytes>(file);
    impl->device = at::Device(device);
    impl->uploader.emplace(impl->device);
    impl->module = load_checked(impl->file, file.path, trusted);
    impl->module.eval();
    if (!impl->device.is_cpu()) move_to_device(impl->module, impl->device, stop);
    const bool optimizes = optimized != Optimized::none && impl->device.is_cpu();
    const RowsAs rows = optimizes ? rows_as(precision) : RowsAs::they_are;
    const Arithmetic arithmetic =
        optimizes ? arithmetic_of(precision, impl->module) : Arithmetic::stored;
    if (!precision.empty() && arithmetic == Arithmetic::stored && rows == RowsAs::they_are) {
      convert_weights(impl->module, scalar_type(precision), *impl->file, stop);
    }
    impl->weights = memory_of(tensors_of(impl->module), *impl->file);
    if (optimizes) impl->optimize(optimized, arithmetic, rows, stop);
    return TorchModule(std::move(impl));
  });
}

at::Tensor TorchModule::forward(const at::Tensor& input, const at::Tensor& token_counts) const {
  LLM2CLIP_CHECK(!token_counts.defined() || takes_token_counts());
  return translate_errors(impl_->path, [&] {
    const CertainThreads threads;
    const c10::InferenceMode inference;
    // The profiling executor would specialize the graph on the first shapes it sees and pay for it
    // again with every new text length. Thread-local.
    const torch::jit::GraphOptimizerEnabledGuard no_specialization(false);
    const at::Tensor on_device = impl_->uploader->send_copy_of(input);
    const Running running(impl_->passes);
    const ScratchMeter scratch;
    at::Tensor result = impl_->graph ? (*impl_->graph)(on_device, token_counts)
                                     : impl_->module.forward({on_device}).toTensor();
    const auto peak = scratch.peak_bytes();
    // Those beside it take as much.
    raise(impl_->peak_scratch, peak ? *peak * impl_->passes : kUnknown);
    return result;
  });
}

bool TorchModule::takes_token_counts() const {
  return impl_->graph && impl_->graph->takes_token_counts();
}

at::Device TorchModule::device() const { return impl_->device; }

at::Tensor TorchModule::send(const at::Tensor& buffer) const {
  return translate_errors(impl_->path, [&] { return impl_->uploader->send(buffer); });
}

void TorchModule::expect_shape(const at::Tensor& result, at::IntArrayRef shape) const {
  if (result.sizes() == shape) return;
  throw Error(ErrorKind::bad_model, impl_->path.string() + ": its result is " +
                                        c10::str(result.sizes()) + " where llm2clip.json says " +
                                        c10::str(shape) + "; export the model again");
}

const std::filesystem::path& TorchModule::path() const { return impl_->path; }

std::vector<std::int64_t> TorchModule::weight_shape(const std::string& name) const {
  if (impl_->graph) {
    const auto shape = impl_->weight_shapes.find(name);
    return shape == impl_->weight_shapes.end() ? std::vector<std::int64_t>() : shape->second;
  }
  torch::jit::Module module = impl_->module;
  std::size_t start = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', start)) {
    const std::string child = name.substr(start, dot - start);
    if (!module.hasattr(child) || !module.attr(child).isModule()) return {};
    module = module.attr(child).toModule();
    start = dot + 1;
  }
  const std::string weight = name.substr(start);
  if (!module.hasattr(weight) || !module.attr(weight).isTensor()) return {};
  return module.attr(weight).toTensor().sizes().vec();
}

const OptimizeOutcome& TorchModule::optimized() const { return impl_->optimized; }

std::map<std::string, int> TorchModule::optimized_operators() const {
  return impl_->graph ? impl_->graph->operators() : std::map<std::string, int>();
}

PartMemory TorchModule::memory() const {
  PartMemory memory = impl_->weights;
  const std::uint64_t peak = impl_->peak_scratch;
  memory.peak_scratch_bytes = peak == kUnknown ? std::nullopt : std::optional(peak);
  return memory;
}

}  // namespace llm2clip
