// A TorchScript archive's directory has one meaning, and its code and pickles are read to their
// end, run by nobody.

#include "encoder/archive/archive_code.h"
#include "encoder/archive/archive_directory.h"
#include "llm2clip/error.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const std::vector<ArchiveEntry> entries = read_archive_directory(bytes, "x.pt");
    std::uint64_t end = 0;
    for (const ArchiveEntry& entry : entries) {
      fuzz::property(entry.offset >= end, "records do not overlap");
      fuzz::property(entry.stored_bytes <= size - entry.offset, "records end inside the file");
      end = entry.offset + entry.stored_bytes;
    }
    check_archive_code(bytes, entries, "x.pt");
  } catch (const Error& error) {
    fuzz::property(error.kind() == ErrorKind::bad_model, "what is refused is the model");
  }
  return 0;
}
