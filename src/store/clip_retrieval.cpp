#include "store/clip_retrieval.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "llm2clip/error.h"
#include "store/npy.h"
#include "store/parquet/parquet_file.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLeastDigits = 4;
constexpr const char* kMetadata = "metadata";

const char* folder_of_rows(OutputLayout layout) {
  return layout == OutputLayout::clip_retrieval_texts ? "text_emb" : "img_emb";
}

const char* column_of_ids(OutputLayout layout) {
  return layout == OutputLayout::clip_retrieval_texts ? "caption" : "image_path";
}

// Rows that are written to the files of one partition after the other.
class Partitions {
 public:
  Partitions(const fs::path& folder, const RowStream& rows, const Provenance& provenance,
             const ClipRetrievalOptions& options)
      : folder_(folder),
        rows_(rows.rows),
        dim_(rows.dim),
        options_(options),
        metadata_{.precision = options.precision,
                  .id_name = column_of_ids(options.layout),
                  .coded_ids = !all_are_text(rows),
                  .metadata = provenance} {
    fs::create_directory(folder_ / folder_of_rows(options_.layout));
    fs::create_directory(folder_ / kMetadata);
    begin();
  }

  void add(std::span<const std::string> ids, const Embeddings& rows) {
    for (std::size_t done = 0; done < ids.size();) {
      if (left_ == 0) {
        end();
        begin();
      }
      const std::size_t count = std::min(left_, ids.size() - done);
      const EmbeddingsView some(count, dim_, rows.values().subspan(done * dim_, count * dim_));
      write_components(*values_, some.values(), options_.precision);
      names_->add(ids.subspan(done, count), some);
      done += count;
      left_ -= count;
      written_ += count;
    }
  }

  void end() {
    names_->finish();
    names_.reset();
    names_file_->commit();
    values_->commit();
  }

 private:
  void begin() {
    left_ = std::min(options_.partition_rows, rows_ - written_);
    const std::string rows = folder_of_rows(options_.layout);
    values_.emplace(file(rows, ".npy"));
    const std::array<std::size_t, 2> shape = {left_, dim_};
    values_->write(npy_header(options_.precision, shape));
    const fs::path names = file(kMetadata, ".parquet");
    names_file_.emplace(names);
    names_.emplace(names, *names_file_, metadata_);
    ++number_;
  }

  // Readers sort the names, so all have as many digits.
  fs::path file(const std::string& name, const char* ending) const {
    const std::size_t last = rows_ == 0 ? 0 : (rows_ - 1) / options_.partition_rows;
    const std::size_t digits = std::max(kLeastDigits, std::to_string(last).size());
    std::string number = std::to_string(number_);
    number.insert(0, digits - number.size(), '0');
    return folder_ / name / (name + "_" + number + ending);
  }

  fs::path folder_;
  std::size_t rows_;
  std::size_t dim_;
  ClipRetrievalOptions options_;
  ParquetFile::Layout metadata_;
  std::size_t number_ = 0;   // of the partition that is next
  std::size_t left_ = 0;     // rows of the one that is written
  std::size_t written_ = 0;  // rows of all
  std::optional<AtomicFile> values_;
  std::optional<AtomicFile> names_file_;
  std::optional<ParquetFile> names_;
};

}  // namespace

std::unique_ptr<AtomicFolder> write_clip_retrieval(const fs::path& path, const RowStream& rows,
                                                   const Provenance& provenance,
                                                   const ClipRetrievalOptions& options,
                                                   const fs::path& workplace) {
  auto folder = std::make_unique<AtomicFolder>(path, workplace);
  Partitions partitions(folder->temporary(), rows, provenance, options);
  rows.for_each_block([&](std::span<const std::string> ids, const Embeddings& block) {
    partitions.add(ids, block);
  });
  partitions.end();
  return folder;
}

void check_clip_retrieval(const fs::path& path) {
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::io, path.string() + ": " + why + "; give a new name");
  };
  std::error_code error;
  if (!fs::exists(path, error)) return;
  if (!fs::is_directory(path, error)) {
    refuse("is a file, and a folder is written");
  }
  for (fs::directory_iterator entry(path, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (name == "img_emb" || name == "text_emb" || name == kMetadata) continue;
    refuse("is there and holds something else than rows for clip-retrieval, " + name);
  }
}

}  // namespace llm2clip
