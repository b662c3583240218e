#include "flags/help_format.h"

namespace llm2clip::cli {

std::string HelpFormat::make_help(const CLI::App* app, std::string name,
                                  CLI::AppFormatMode mode) const {
  std::string text = CLI::Formatter::make_help(app, name, mode);
  for (std::size_t at = text.find("\n\n\n"); at != std::string::npos;
       at = text.find("\n\n\n", at)) {
    text.erase(at, 1);
  }
  return text;
}

std::string HelpFormat::make_option_opts(const CLI::Option* option) const {
  return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
}

std::string HelpFormat::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  if (!option->get_envname().empty()) text += "; default: the variable " + option->get_envname();
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  return text;
}

}  // namespace llm2clip::cli
