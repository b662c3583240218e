#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <memory>

#include "commands/load_commands.h"
#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

void add_content_flags(CLI::App& app, ServeFlags& flags) {
  const char* const group = "Content";
  add_list(app, "-x,--index", flags.indexes, "An index to search; may be given again")
      ->type_name("DIR")
      ->group(group);
  add_list(app, "--label-bank", flags.label_banks, "Labels of classify --save-labels; again")
      ->type_name("FILE")
      ->group(group);
}

void add_place_flags(CLI::App& app, ServeFlags& flags) {
  const char* const group = "Network";
  CLI::Option* host = app.add_option("--host", flags.host, "Address of this machine");
  host->type_name("ADDRESS")->capture_default_str()->group(group);
  CLI::Option* port = app.add_option("--port", flags.port, "Port; 0: one that is free");
  port->type_name("N")
      ->check(whole_to(std::numeric_limits<std::uint16_t>::max()))
      ->capture_default_str()
      ->group(group);
  app.add_option("--socket", flags.socket, "A Unix socket, in place of both")
      ->type_name("PATH")
      ->excludes(host)
      ->excludes(port)
      ->group(group);
  CLI::Option* keys = app.add_option("--api-key-file", flags.api_key_file,
                                     "One key a line; clients must send one of them");
  keys->type_name("FILE")->group(group);
  app.add_flag("--no-auth", flags.no_auth, "Let other machines in without keys")
      ->excludes(keys)
      ->group(group);
  app.add_option("--allow-image-hosts", flags.image_hosts, "Fetch images from these; none without")
      ->type_name("HOST,...")
      ->delimiter(',')
      ->group(group);
}

void add_limit_flags(CLI::App& app, ServeFlags& flags) {
  const char* const group = "Limits";
  app.add_option("--max-in-flight", flags.max_in_flight, "Requests worked on; others get 429")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(group);
  app.add_option("--max-connections", flags.max_connections, "Connections; others are closed")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(group);
  app.add_option("--max-memory", flags.max_memory, "Bytes for requests; others get 429")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(group);
  app.add_option("--grace", flags.grace, "Seconds to answer what is here when it is to end")
      ->type_name("N")
      ->check(whole())
      ->capture_default_str()
      ->group(group);
}

}  // namespace

Command add_serve(CLI::App& program) {
  CLI::App* app = program.add_subcommand("serve", "Answer OpenAI's embeddings API over HTTP");
  auto flags = std::make_shared<ServeFlags>();
  add_content_flags(*app, *flags);
  add_place_flags(*app, *flags);
  add_limit_flags(*app, *flags);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_image_batch_flag(*app, flags->batch);
  add_text_batch_flag(*app, flags->batch);
  add_special_tokens_flag(*app, flags->model.special_tokens);
  add_image_limits(*app, flags->read);
  add_decode_memory_flag(*app, flags->decode_memory);
  app->footer(
      "Examples:\n"
      "  llm2clip serve -m models/demo\n"
      "  llm2clip serve -m models/demo -x photos.index --port 9000\n"
      "  llm2clip serve -m models/demo --host 0.0.0.0 --api-key-file keys.txt");
  return {app, [flags](Messages& messages) {
            check_model_named(flags->model.directory);
            return serve_command().serve(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
