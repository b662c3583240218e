#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace llm2clip::cli {

/// How --help looks: "--top-k N", with the default after the words that say what it is.
class HelpFormat : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace llm2clip::cli
