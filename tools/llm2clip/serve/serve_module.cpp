#include "commands/commands.h"

const llm2clip::cli::ServeCommand llm2clip_serve = {.serve = llm2clip::cli::run_serve};
