// A file of JSON lines gives texts, or failed inputs.

#include "input_file.h"
#include "inputs/text_inputs.h"
#include "property.h"

namespace {

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
  cli::TextFlags flags;
  flags.files = {input.path()};
  for (const bool jsonl : {true, false}) {
    flags.jsonl = jsonl;
    Failures failures;
    fuzz::takes(ErrorKind::unreadable_input, [&] {
      cli::TextInputs texts(flags, failures);
      while (texts.next()) {
      }
    });
  }
  return 0;
}
