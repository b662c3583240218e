#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "llm2clip/preprocess.h"

namespace llm2clip::cli {

// Note [Two halves]: the program declares the flags of every command and parses the line; it links
// no library of ours, so that help, version and usage errors do not wait for LibTorch. What the
// commands do is in a module, llm2clip-commands.so, which is loaded when one is to run. Each
// command has a file for each half: NAME_args.cpp and NAME.cpp. The server has a module of its own,
// llm2clip-serve.so (tools/llm2clip/serve/), which the other commands do not load.

struct EmbedImageFlags {
  ModelFlags model;
  BatchFlags batch;
  ImageFlags images;
  std::uint64_t decode_memory = std::uint64_t{1} << 30;  // bytes
  OutputFlags output;
  JobFlags job;
};

struct EmbedTextFlags {
  ModelFlags model;
  BatchFlags batch;
  TextFlags texts;
  OutputFlags output = {.path = {}, .dtype = {}, .of_texts = true};
  JobFlags job;
  std::string on_long = "truncate";
};

struct ClassifyFlags {
  ModelFlags model;
  BatchFlags batch;
  ImageFlags images;
  OnError on_error = OnError::skip;
  std::vector<std::string> labels;
  std::string labels_file;
  std::string load_labels;
  std::string save_labels;
  std::vector<std::string> templates;
  std::string templates_file;
  std::size_t top_k = 5;
  std::string activation = "softmax";
  std::optional<float> scale;
  std::optional<float> threshold;
  bool json = false;
};

struct EvaluateRetrievalFlags {
  ModelFlags model;
  BatchFlags batch;
  std::string data;  // file or folder; empty: rows that are there
  std::string layout = "pairs";
  std::string root;
  std::size_t captions_per_image = 0;  // 0: the layout's
  OnError on_error = OnError::fail;
  std::string images;  // files of rows
  std::string texts;
  std::string pairs;
  bool json = false;
};

struct EvaluateZeroShotFlags {
  ModelFlags model;
  BatchFlags batch;
  std::string folder;
  OnError on_error = OnError::fail;
  std::string labels_file;
  std::vector<std::string> templates;
  std::string templates_file;
  bool json = false;
};

struct MergeFlags {
  std::string output;
  std::vector<std::string> folders;
  bool chunks = false;
  bool overwrite = false;
};

struct StatusFlags {
  std::string folder = ".";
  bool json = false;
};

struct IndexFlags {
  ModelFlags model;
  BatchFlags batch;
  ImageFlags images;
  std::uint64_t decode_memory = std::uint64_t{1} << 30;  // bytes
  JobFlags job;
  std::string index;
  std::vector<std::string> rows;  // files of rows, instead of images
  std::string kind;               // empty: as the index is
  std::string scan;               // the same
  bool thumbnails = false;
  bool compact = false;
  bool verify = false;
};

struct SearchFlags {
  ModelFlags model;
  BatchFlags batch;
  std::string index;
  std::vector<std::string> texts;
  std::vector<std::string> images;
  std::vector<std::string> minus_texts;
  std::vector<std::string> minus_images;
  std::vector<std::pair<std::string, std::string>> weighted_texts;  // weight, text
  std::vector<std::pair<std::string, std::string>> weighted_images;
  std::string queries_file;
  ReadOptions read;
  HitFlags hits;
  std::size_t top_k = 10;
  std::optional<float> min_score;
  bool exact = false;
  bool json_lines = false;
  std::string html;  // file of a page
  bool open = false;
};

struct DuplicatesFlags {
  std::string index;
  HitFlags hits;
  float min_score = 0.97f;
  int threads = 0;  // 0: all cores
};

struct ServeFlags {
  ModelFlags model;
  BatchFlags batch;
  ReadOptions read;
  std::uint64_t decode_memory = std::uint64_t{1} << 30;  // bytes
  std::vector<std::string> indexes;
  std::vector<std::string> label_banks;  // files
  std::vector<std::string> image_hosts;  // that images are fetched from
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string socket;  // path; empty: host and port
  std::string api_key_file;
  bool no_auth = false;
  std::size_t max_in_flight = 512;  // requests
  std::size_t max_connections = 4096;
  std::uint64_t max_memory = std::uint64_t{1} << 30;  // bytes
  unsigned grace = 30;                                // seconds
};

struct InfoFlags {
  std::string directory;
  bool json = false;
};

struct TokenizeFlags {
  std::string directory;
  std::string tokenizer_file;
  TextFlags texts;
  std::string special_tokens = "parse";
  bool raw = false;
  bool pretty = false;
};

struct PreprocessFlags {
  std::string directory;
  ImageFlags images;
  int image_size = 0;  // 0: a model says all three
  std::string order = "hf";
  std::string resize_passes = "pillow-11";
  std::string output;
};

struct VerifyFlags {
  ModelFlags model;
  bool files = false;
  bool json = false;
};

// The program's half: adds a subcommand with its flags.
Command add_embed_image(CLI::App& program);
Command add_embed_text(CLI::App& program);
Command add_classify(CLI::App& program);
/// Holds the next two and does nothing itself.
CLI::App* add_evaluate(CLI::App& program);
Command add_evaluate_retrieval(CLI::App& evaluate);
Command add_evaluate_zero_shot(CLI::App& evaluate);
Command add_merge(CLI::App& program);
Command add_status(CLI::App& program);
Command add_index(CLI::App& program);
Command add_search(CLI::App& program);
Command add_duplicates(CLI::App& program);
Command add_serve(CLI::App& program);
Command add_info(CLI::App& program);
Command add_tokenize(CLI::App& program);
Command add_preprocess(CLI::App& program);
Command add_verify(CLI::App& program);

// The module's half: what a command does with its flags. Returns the exit code.
int run_embed_image(const EmbedImageFlags& flags, Messages& messages);
int run_embed_text(const EmbedTextFlags& flags, Messages& messages);
int run_classify(const ClassifyFlags& flags, Messages& messages);
int run_evaluate_retrieval(const EvaluateRetrievalFlags& flags, Messages& messages);
int run_evaluate_zero_shot(const EvaluateZeroShotFlags& flags, Messages& messages);
int run_merge(const MergeFlags& flags, Messages& messages);
int run_status(const StatusFlags& flags, Messages& messages);
int run_index(const IndexFlags& flags, Messages& messages);
int run_search(const SearchFlags& flags, Messages& messages);
int run_duplicates(const DuplicatesFlags& flags, Messages& messages);
int run_serve(const ServeFlags& flags, Messages& messages);
int run_info(const InfoFlags& flags, Messages& messages);
int run_tokenize(const TokenizeFlags& flags, Messages& messages);
int run_preprocess(const PreprocessFlags& flags, Messages& messages);
int run_verify(const VerifyFlags& flags, Messages& messages);

/// What the module shows to the program.
struct Commands {
  int (*embed_image)(const EmbedImageFlags&, Messages&);
  int (*embed_text)(const EmbedTextFlags&, Messages&);
  int (*classify)(const ClassifyFlags&, Messages&);
  int (*evaluate_retrieval)(const EvaluateRetrievalFlags&, Messages&);
  int (*evaluate_zero_shot)(const EvaluateZeroShotFlags&, Messages&);
  int (*merge)(const MergeFlags&, Messages&);
  int (*status)(const StatusFlags&, Messages&);
  int (*index)(const IndexFlags&, Messages&);
  int (*search)(const SearchFlags&, Messages&);
  int (*duplicates)(const DuplicatesFlags&, Messages&);
  int (*info)(const InfoFlags&, Messages&);
  int (*tokenize)(const TokenizeFlags&, Messages&);
  int (*preprocess)(const PreprocessFlags&, Messages&);
  int (*verify)(const VerifyFlags&, Messages&);
  /// Note [Threads left behind].
  bool (*left_threads)();
};

/// The same of the server's module.
struct ServeCommand {
  int (*serve)(const ServeFlags&, Messages&);
};

}  // namespace llm2clip::cli

/// The module's only symbol.
extern "C" [[gnu::visibility("default")]] const llm2clip::cli::Commands llm2clip_commands;
/// The only symbol of the server's module.
extern "C" [[gnu::visibility("default")]] const llm2clip::cli::ServeCommand llm2clip_serve;
