#pragma once

#include "args.h"

namespace llm2clip::cli {

// One file each. They add a subcommand to the program and say what it does.
Command add_embed_image(CLI::App& program);
Command add_embed_text(CLI::App& program);
Command add_classify(CLI::App& program);
Command add_info(CLI::App& program);
Command add_tokenize(CLI::App& program);
Command add_merge(CLI::App& program);
Command add_preprocess(CLI::App& program);
Command add_verify(CLI::App& program);

}  // namespace llm2clip::cli
