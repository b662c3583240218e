#include <CLI/CLI.hpp>
#include <memory>

#include "commands/load_commands.h"
#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

CLI::Option* add_weighted(CLI::App& app, const std::string& name,
                          std::vector<std::pair<std::string, std::string>>& values,
                          const std::string& help) {
  return app.add_option(name, values, help)->allow_extra_args(false);
}

void add_query_flags(CLI::App& app, SearchFlags& flags) {
  const char* const group = "Query";
  add_list(app, "--image", flags.images, "An image that is looked for; may be given again")
      ->type_name("FILE")
      ->group(group);
  add_list(app, "--minus", flags.minus_texts, "A text that results are not to be like")
      ->type_name("TEXT")
      ->group(group);
  add_list(app, "--minus-image", flags.minus_images, "An image that they are not to be like")
      ->type_name("FILE")
      ->group(group);
  add_weighted(app, "--weighted", flags.weighted_texts, "A text that counts X times")
      ->type_name("X TEXT")
      ->group(group);
  add_weighted(app, "--weighted-image", flags.weighted_images, "An image that counts X times")
      ->type_name("X FILE")
      ->group(group);
  app.add_flag("--exact", flags.exact, "Look at every row of an index of kind hnsw, too")
      ->group(group);
  app.add_option("-f,--file", flags.queries_file,
                 "A file with one query a line, instead; - is standard input")
      ->type_name("FILE")
      ->group(group);
  app.add_flag("--exif", flags.read.apply_orientation, "Turn images as their EXIF data says")
      ->group(group);
}

void add_search_hit_flags(CLI::App& app, SearchFlags& flags) {
  const char* const group = "Output";
  app.add_option("--top-k", flags.top_k, "Rows shown for each query; 0: all")
      ->type_name("N")
      ->check(whole())
      ->capture_default_str()
      ->group(group);
  app.add_option("--min-score", flags.min_score, "Leave out rows with a lower score")
      ->type_name("X")
      ->check(finite())
      ->group(group);
  add_hit_flags(app, flags.hits);
  app.add_flag("--jsonl", flags.json_lines, "One JSON line a query")
      ->excludes(app.get_option("--json"))
      ->group(group);
  CLI::Option* html = app.add_option("--html", flags.html, "Also a page with a thumbnail of each");
  html->type_name("FILE")->group(group);
  app.add_flag("--open", flags.open, "Show the page in a browser")->needs(html)->group(group);
}

void check_flags(const SearchFlags& flags) {
  check_model_named(flags.model.directory);
  const bool terms = !flags.texts.empty() || !flags.images.empty() || !flags.minus_texts.empty() ||
                     !flags.minus_images.empty() || !flags.weighted_texts.empty() ||
                     !flags.weighted_images.empty();
  if (terms && !flags.queries_file.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "-f: the file has all queries; give no other texts and images beside it");
  }
  if (!terms && flags.queries_file.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "query: none; give a text, --image FILE, or -f FILE with one query a line");
  }
}

}  // namespace

Command add_search(CLI::App& program) {
  CLI::App* app =
      program.add_subcommand("search", "Images of an index that fit a text or an image");
  auto flags = std::make_shared<SearchFlags>();
  app->add_option("texts", flags->texts, "What is looked for; several are one query, added up")
      ->type_name("TEXT");
  add_index_flag(*app, flags->index)->group("Index");
  add_query_flags(*app, *flags);
  add_model_directory(*app, flags->model.directory);
  add_device_flags(*app, flags->model);
  add_special_tokens_flag(*app, flags->model.special_tokens);
  add_search_hit_flags(*app, *flags);
  app->footer(
      "Examples:\n"
      "  llm2clip search -m models/demo -x photos.index 'a dog on a red sofa'\n"
      "  llm2clip search -m models/demo -x photos.index --image like.jpg --minus 'a person'\n"
      "  llm2clip search -m models/demo -x photos.index 'a beach' --weighted 0.5 'at night'\n"
      "  llm2clip search -m models/demo -x photos.index 'a beach' --top-k 50 --html page.html\n"
      "  llm2clip search -m models/demo -x photos.index -f queries.txt --jsonl --top-k 3");
  return {app, [flags](Messages& messages) {
            check_flags(*flags);
            return commands().search(*flags, messages);
          }};
}

}  // namespace llm2clip::cli
