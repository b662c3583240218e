// A tar archive gives its members; whatever is wrong with it is the failure of an input.

#include <algorithm>

#include "input_file.h"
#include "inputs/tar_inputs.h"
#include "property.h"

namespace {

constexpr std::uint64_t kLargestMember = 4096;

struct Failures final : llm2clip::cli::FailureSink {
  void failed(const std::string&, const llm2clip::Error& error) override {
    llm2clip::fuzz::property(error.kind() == llm2clip::ErrorKind::unreadable_input, error.what());
    ++failures_;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const fuzz::InputFile input(data, size);
  Failures failures;
  cli::TarInputs members(input.path(),
                         {.takes = [](std::string_view name) { return name.ends_with(".txt"); },
                          .endings = ".txt",
                          .max_bytes = kLargestMember,
                          .max_flag = "--max-file-bytes"},
                         failures);
  std::size_t count = 0;
  while (const auto member = members.next()) {
    fuzz::property(member->content.size() <= kLargestMember, "members are no larger than allowed");
    ++count;
  }
  fuzz::property(count + failures.failures() > 0, "an archive without inputs is a failure");
  return 0;
}
