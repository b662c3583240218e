#include <CLI/CLI.hpp>
#include <memory>
#include <new>

#include "commands/commands.h"
#include "commands/load_commands.h"
#include "flags/help_format.h"
#include "llm2clip/version.h"
#include "terminal/exit_code.h"
#include "terminal/output.h"
#include "terminal/process.h"

using namespace llm2clip::cli;

namespace {

std::vector<Command> add_commands(CLI::App& program, MessageFlags& flags) {
  program.set_version_flag("--version", std::string("llm2clip ") + llm2clip::kVersion);
  program.formatter(std::make_shared<HelpFormat>());
  program.get_formatter()->column_width(34);
  std::vector<Command> commands;
  for (const auto add :
       {add_embed_image, add_embed_text, add_classify, add_index, add_search, add_duplicates}) {
    commands.push_back(add(program));
  }
  CLI::App* const evaluate = add_evaluate(program);
  commands.push_back(add_evaluate_retrieval(*evaluate));
  commands.push_back(add_evaluate_zero_shot(*evaluate));
  for (const auto add :
       {add_merge, add_status, add_info, add_tokenize, add_preprocess, add_verify}) {
    commands.push_back(add(program));
  }
  for (const Command& command : commands) add_message_flags(*command.app, flags);
  return commands;
}

// Whether the command embeds images or texts while other threads read them.
bool decodes_beside(const std::string& command) {
  return command.starts_with("embed-") || command == "classify" || command == "index" ||
         command == "retrieval" || command == "zero-shot";
}

int parse_and_run(CLI::App& program, int argc, char** argv, MessageFlags& flags) {
  const std::vector<Command> commands = add_commands(program, flags);
  program.parse(argc, argv);
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    if (decodes_beside(command.app->get_name())) limit_spinning();
    Messages messages(flags);
    return command.run(messages);
  }
  throw CLI::RequiredError("a command");
}

int print(const std::string& text) {
  Output output;
  output.write(text);
  output.flush();
  return kDone;
}

// Everything that can leave a command, as one line on standard error and an exit code.
int run_program(int argc, char** argv) {
  CLI::App program(
      "Embeddings of images and texts, search and zero-shot classification, with LLM2CLIP",
      "llm2clip");
  MessageFlags flags;
  const auto fail = [&flags](int code, const std::string& message) {
    Messages(flags).error(message);
    return code;
  };
  try {
    return parse_and_run(program, argc, argv, flags);
  } catch (const CLI::CallForHelp&) {
    return print(program.help());
  } catch (const CLI::CallForVersion& version) {
    return print(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError& error) {
    return fail(kUsage, usage_message(program, error));
  } catch (const llm2clip::Error& error) {
    return fail(exit_code(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(kDeviceFailed, "memory: not enough; try a smaller --batch-size or --batch-tokens");
  } catch (const std::exception& error) {
    return fail(kInternalError, std::string("internal error: ") + error.what());
  }
}

int exit_code_of(int argc, char** argv) {
  try {
    return run_program(argc, argv);
  } catch (const ReaderGone&) {
    return kReaderGone;
  } catch (const llm2clip::Error& error) {  // printing the help
    Messages({}).error(error.what());
    return exit_code(error.kind());
  }
}

}  // namespace

// CLI11 could throw for flags of ours that clash: a mistake that every test would show.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  prepare_process();
  const int code = exit_code_of(argc, argv);
  if (commands_left_threads()) end_at_once(code);
  return code;
}
