// libllm2clip-parquet.so: the one function that it exports, and nothing that throws behind it.

#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/writer.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "store/parquet/parquet_table.h"

namespace llm2clip {
namespace {

// What readers take at once; 80 MB of 1280 components.
constexpr std::int64_t kGroupRows = 16384;

// Threads and arenas of Arrow's other pools would outlive a run.
arrow::MemoryPool* memory() { return arrow::system_memory_pool(); }

class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(const ParquetSink& sink) : sink_(sink) {}

  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<std::int64_t> Tell() const override { return position_; }
  using arrow::io::OutputStream::Write;
  arrow::Status Write(const void* bytes, std::int64_t count) override {
    if (!sink_.write(sink_.context, bytes, static_cast<std::size_t>(count))) {
      return arrow::Status::IOError("cannot be written");
    }
    position_ += count;
    return arrow::Status::OK();
  }

 private:
  ParquetSink sink_;
  std::int64_t position_ = 0;
  bool closed_ = false;
};

std::string string_of(const ParquetText& text) { return {text.data, text.bytes}; }

std::shared_ptr<arrow::Schema> schema_of(const ParquetLayout& layout) {
  const auto component =
      arrow::field("element", layout.half ? arrow::float16() : arrow::float32(), false);
  const std::string id = string_of(layout.id_name);
  arrow::FieldVector fields = {arrow::field(id, arrow::utf8(), layout.coded_ids)};
  if (layout.coded_ids) fields.push_back(arrow::field(id + "_base64", arrow::utf8(), true));
  if (layout.dim > 0) {
    fields.push_back(arrow::field(
        "vector", arrow::fixed_size_list(component, static_cast<std::int32_t>(layout.dim)), false));
  }
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  for (std::size_t i = 0; i < layout.entries; ++i) {
    metadata->Append(string_of(layout.keys[i]), string_of(layout.values[i]));
  }
  return arrow::schema(fields, metadata);
}

// Components are as good as random: compressing them, or a dictionary of them, saves nothing.
std::shared_ptr<parquet::WriterProperties> file_properties(const std::string& id_name) {
  return parquet::WriterProperties::Builder()
      .memory_pool(memory())
      ->max_row_group_length(kGroupRows)
      ->disable_dictionary()
      ->compression(arrow::Compression::UNCOMPRESSED)
      ->compression(id_name, arrow::Compression::ZSTD)
      ->disable_statistics("vector.list.element")
      ->build();
}

class Writer {
 public:
  static arrow::Result<std::unique_ptr<Writer>> open(const ParquetLayout& layout,
                                                     const ParquetSink& sink) {
    auto writer = std::make_unique<Writer>();
    writer->schema_ = schema_of(layout);
    writer->half_ = layout.half;
    writer->coded_ids_ = layout.coded_ids;
    writer->dim_ = static_cast<std::int64_t>(layout.dim);
    // Without the schema of Arrow, a list of fixed size would come back as one of any.
    const auto as_written = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(writer->file_,
                          parquet::arrow::FileWriter::Open(
                              *writer->schema_, memory(), std::make_shared<SinkStream>(sink),
                              file_properties(string_of(layout.id_name)), as_written));
    ARROW_RETURN_NOT_OK(writer->file_->NewBufferedRowGroup());
    return writer;
  }

  arrow::Status add(const ParquetText* ids, const ParquetText* coded, const void* components,
                    std::int64_t rows) {
    arrow::ArrayVector columns;
    ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), texts(ids, rows));
    if (coded_ids_) {
      ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), texts(coded, rows));
    }
    if (dim_ > 0) columns.push_back(vectors(components, rows));
    return file_->WriteRecordBatch(*arrow::RecordBatch::Make(schema_, rows, columns));
  }

  arrow::Status finish() { return file_->Close(); }

 private:
  std::shared_ptr<arrow::Array> vectors(const void* components, std::int64_t rows) const {
    const std::int64_t each = half_ ? 2 : 4;
    const auto bytes = std::make_shared<arrow::Buffer>(static_cast<const std::uint8_t*>(components),
                                                       rows * dim_ * each);
    const auto list = schema_->GetFieldByName("vector")->type();
    const auto values = arrow::MakeArray(
        arrow::ArrayData::Make(list->field(0)->type(), rows * dim_, {nullptr, bytes}, 0));
    return std::make_shared<arrow::FixedSizeListArray>(list, rows, values);
  }

  // Null where a row's text is in the other column.
  static arrow::Result<std::shared_ptr<arrow::Array>> texts(const ParquetText* texts,
                                                            std::int64_t rows) {
    arrow::StringBuilder builder(memory());
    for (std::int64_t i = 0; i < rows; ++i) {
      if (texts[i].data == nullptr) {
        ARROW_RETURN_NOT_OK(builder.AppendNull());
      } else {
        ARROW_RETURN_NOT_OK(
            builder.Append(texts[i].data, static_cast<std::int32_t>(texts[i].bytes)));
      }
    }
    return builder.Finish();
  }

  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> file_;
  bool half_ = false;
  bool coded_ids_ = false;
  std::int64_t dim_ = 0;
};

// Runs `body`, whose Status or exception becomes the message. Returns whether it went well.
template <typename Body>
bool guarded(ParquetMessage message, const Body& body) {
  const auto tell = [&](const std::string& why) {
    std::snprintf(message.text, message.bytes, "%s", why.c_str());
    return false;
  };
  try {
    const arrow::Status status = body();
    return status.ok() || tell(status.message());
  } catch (const std::exception& error) {
    return tell(error.what());
  }
}

void* open_writer(const ParquetLayout* layout, const ParquetSink* sink, ParquetMessage message) {
  std::unique_ptr<Writer> writer;
  guarded(message, [&] { return Writer::open(*layout, *sink).Value(&writer); });
  return writer.release();
}

bool add_rows(void* writer, const ParquetText* ids, const ParquetText* coded,
              const void* components, std::size_t rows, ParquetMessage message) {
  return guarded(message, [&] {
    return static_cast<Writer*>(writer)->add(ids, coded, components,
                                             static_cast<std::int64_t>(rows));
  });
}

bool finish_file(void* writer, ParquetMessage message) {
  return guarded(message, [&] { return static_cast<Writer*>(writer)->finish(); });
}

void close_writer(void* writer) { delete static_cast<Writer*>(writer); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const ParquetTable* llm2clip_parquet_2() {
  static const ParquetTable kTable = {open_writer, add_rows, finish_file, close_writer};
  return &kTable;
}

}  // namespace llm2clip
