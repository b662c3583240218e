// Measures the library through its public headers, round by round (rounds.h).
//
//   encode_bench images MODEL [--batch 16] [--seconds 2]   pixels that are preprocessed already
//   encode_bench pictures MODEL [--batch 16] [--seconds 2]   pixels of 640x480, resized first
//   encode_bench texts MODEL FILE                            every line of FILE, in one call
//   encode_bench query MODEL FILE [--seconds 2]              the first line of FILE alone
//     both [--precision auto]
//   encode_bench load MODEL                                Model::load

#include <ATen/ATen.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "llm2clip/llm2clip.h"
#include "llm2clip/threads.h"
#include "llm2clip/torch.h"
#include "rounds.h"
#include "text/batches.h"  // what the library's batches are, for the ceiling of the same rows

namespace {

using namespace llm2clip;
using bench::answer_rounds;
using bench::repeat;
using nlohmann::json;

struct Flags {
  std::string model;
  std::string file;
  std::string precision = "auto";  // of texts
  std::int64_t batch = 16;
  double seconds = 2;
  int threads = 2;
};

// `inputs`: for libraries that choose by it how much they prepare.
template <class Options>
Options for_inputs(Options options, std::uint64_t inputs) {
  if constexpr (requires { options.expected_inputs; }) options.expected_inputs = inputs;
  return options;
}

constexpr std::uint64_t kManyInputs = 10'000;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

LoadOptions text_options(const Flags& flags) {
  LoadOptions options;
  options.vision = false;
  options.precision = from_string<Precision>(flags.precision);
  return options;
}

void images(const Flags& flags) {
  const Model model = Model::load(flags.model, for_inputs(LoadOptions{.text = false}, kManyInputs));
  const int side = model.info().preprocess.image_size;
  const at::Tensor pixels = at::randn({flags.batch, 3, side, side});  // (B, 3, S, S)
  encode_pixels(model, pixels);
  answer_rounds({{"precision", model.vision()->precision}}, [&] {
    return repeat(flags.seconds, [&] {
      encode_pixels(model, pixels);
      return static_cast<double>(flags.batch);
    });
  });
}

void pictures(const Flags& flags) {
  const Model model = Model::load(flags.model, for_inputs(LoadOptions{.text = false}, kManyInputs));
  const Image blank{
      .width = 640, .height = 480, .pixels = std::vector<std::uint8_t>(640 * 480 * 3)};
  std::vector<Image> seen(static_cast<std::size_t>(flags.batch), blank);
  std::uint8_t value = 0;
  for (Image& image : seen) {
    for (std::uint8_t& sample : image.pixels) sample = value += 7;
  }
  model.encode_images(seen);
  answer_rounds({{"precision", model.vision()->precision}}, [&] {
    return repeat(flags.seconds,
                  [&] { return static_cast<double>(model.encode_images(seen).rows()); });
  });
}

// [[texts, tokens], ...] as the library groups them where a tower takes one length at once.
json batches_of(const Model& model, const std::vector<std::string>& texts) {
  std::vector<Tokens> tokens;
  for (const std::string& text : texts) tokens.push_back(model.tokenizer().encode(text));
  json batches = json::array();
  for (const TokenBatch& batch :
       token_batches(tokens, Lengths::equal, EncodeOptions{}.batch_tokens)) {
    batches.push_back({batch.size(), tokens[batch.front()].ids.size()});
  }
  return batches;
}

void texts(const Flags& flags) {
  const Model model = Model::load(flags.model, for_inputs(text_options(flags), kManyInputs));
  const std::vector<std::string> captions = lines_of(flags.file);
  model.encode_texts(std::span(captions).first(1));
  answer_rounds(
      {{"precision", model.text()->precision}, {"batches", batches_of(model, captions)}}, [&] {
        return repeat(0, [&] { return static_cast<double>(model.encode_texts(captions).rows()); });
      });
}

void query(const Flags& flags) {
  const Model model = Model::load(flags.model, text_options(flags));
  const std::vector<std::string> caption = {lines_of(flags.file).at(0)};
  model.encode_texts(caption);
  answer_rounds({{"precision", model.text()->precision}, {"batches", batches_of(model, caption)}},
                [&] {
                  return repeat(flags.seconds, [&] {
                    model.encode_texts(caption);
                    return 1.0;
                  });
                });
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void load(const Flags& flags) {
  Model::load(flags.model);  // hashes the files, which later loads remember
  answer_rounds({}, [&] {
    const std::uint64_t before = resident_bytes();
    const bench::Stopwatch stopwatch;
    const Model model = Model::load(flags.model);
    const double seconds = stopwatch.seconds();
    const std::uint64_t after = resident_bytes();
    return json{
        {"seconds", seconds}, {"work", 1}, {"resident_bytes", after > before ? after - before : 0}};
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures the library round by round, for bench/run.");
  app.require_subcommand(1);
  Flags flags;
  const auto add = [&](const char* name, bool with_file, void (*measure)(const Flags&)) {
    CLI::App* command = app.add_subcommand(name);
    command->add_option("MODEL", flags.model)->required();
    if (with_file) command->add_option("FILE", flags.file)->required();
    command->add_option("--batch", flags.batch);
    command->add_option("--seconds", flags.seconds);
    command->add_option("--threads", flags.threads);
    command->add_option("--precision", flags.precision);
    command->callback([&flags, measure] {
      set_threads(flags.threads);
      measure(flags);
    });
  };
  add("images", false, images);
  add("pictures", false, pictures);
  add("texts", true, texts);
  add("query", true, query);
  add("load", false, load);
  return bench::guarded("encode_bench", [&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      throw std::runtime_error(error.what());
    }
  });
}
