#include "store/npy.h"

#include <bit>

#include "base/atomic_file.h"
#include "base/check.h"
#include "base/errors_only.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"

namespace llm2clip {

static_assert(std::endian::native == std::endian::little,
              "files are written as they lie in memory");

std::string npy_header(std::string_view descr, std::span<const std::size_t> shape) {
  std::string dictionary = "{'descr': '";
  dictionary += descr;
  dictionary += "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) dictionary += ", ";
    dictionary += std::to_string(shape[i]);
  }
  if (shape.size() == 1) dictionary += ",";
  dictionary += "), }";

  constexpr std::size_t kPreamble = 10;  // magic, version, length
  constexpr std::size_t kLength = kNpyHeaderBytes - kPreamble;
  LLM2CLIP_CHECK(dictionary.size() < kLength);
  dictionary.resize(kLength - 1, ' ');

  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(kLength & 0xff);
  header += static_cast<char>(kLength >> 8);
  return header + dictionary + "\n";
}

std::string npy_header(StoredPrecision precision, std::span<const std::size_t> shape) {
  return npy_header(precision == StoredPrecision::float16 ? "<f2" : "<f4", shape);
}

struct NpyWriter::Impl {
  AtomicFile file;
  std::vector<std::size_t> shape;  // of all rows; the first axis grows
  std::size_t row_size = 1;
  bool finished = false;
};

namespace {

// The head holds the shapes of eight axes, and the rows are one of them.
constexpr std::size_t kMostRowAxes = 7;

[[noreturn]] void refuse_shape(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::invalid_argument, path.string() + ": the shape of a row " + why);
}

// Values of a row.
std::size_t row_size_of(const std::filesystem::path& path, std::span<const std::size_t> shape) {
  if (shape.size() > kMostRowAxes) {
    refuse_shape(path, "has " + std::to_string(shape.size()) + " axes, at most " +
                           std::to_string(kMostRowAxes) + " are expected");
  }
  std::size_t values = sizeof(float);
  for (const std::size_t axis : shape) {
    if (__builtin_mul_overflow(values, axis, &values)) refuse_shape(path, "is too large");
  }
  return values / sizeof(float);
}

void check_not_finished(bool finished) {
  if (finished) throw Error(ErrorKind::invalid_argument, "npy: the file is finished already");
}

}  // namespace

NpyWriter::NpyWriter(const std::filesystem::path& path, std::span<const std::size_t> row_shape)
    : impl_(errors_only(path, [&] {
        const std::size_t row_size = row_size_of(path, row_shape);  // before a file is made
        return std::unique_ptr<Impl>(new Impl{AtomicFile(path), {0}, row_size});
      })) {
  errors_only(path, [&] {
    impl_->shape.insert(impl_->shape.end(), row_shape.begin(), row_shape.end());
    impl_->file.write(npy_header("<f4", impl_->shape));
  });
}

NpyWriter::NpyWriter(NpyWriter&&) noexcept = default;
NpyWriter& NpyWriter::operator=(NpyWriter&&) noexcept = default;
NpyWriter::~NpyWriter() = default;

void NpyWriter::append(std::span<const float> row) {
  check_not_finished(impl_->finished);
  if (row.size() != impl_->row_size) {
    throw Error(ErrorKind::invalid_argument, "row: " + std::to_string(row.size()) +
                                                 " values, the file's rows have " +
                                                 std::to_string(impl_->row_size));
  }
  impl_->file.write(std::as_bytes(row));
  ++impl_->shape[0];
}

void NpyWriter::finish() {
  check_not_finished(impl_->finished);
  impl_->finished = true;
  errors_only("npy", [&] {
    impl_->file.overwrite(0, npy_header("<f4", impl_->shape));
    impl_->file.commit();
  });
}

}  // namespace llm2clip
