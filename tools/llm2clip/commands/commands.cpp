#include "commands/commands.h"

#include "commands/left_threads.h"

using namespace llm2clip::cli;

const Commands llm2clip_commands = {
    .embed_image = run_embed_image,
    .embed_text = run_embed_text,
    .classify = run_classify,
    .evaluate_retrieval = run_evaluate_retrieval,
    .evaluate_zero_shot = run_evaluate_zero_shot,
    .merge = run_merge,
    .status = run_status,
    .index = run_index,
    .search = run_search,
    .duplicates = run_duplicates,
    .info = run_info,
    .tokenize = run_tokenize,
    .preprocess = run_preprocess,
    .verify = run_verify,
    .left_threads = [] { return any_thread_left.load(); },
};
