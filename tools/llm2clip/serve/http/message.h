#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "serve/work/budget.h"
#include "serve/work/wanted_rows.h"

namespace llm2clip::serve {

/// What became of a request, for its line in the log and for the metrics. Sizes and kinds, and
/// nothing that the client sent.
struct RequestFacts {
  std::size_t texts = 0;
  std::size_t images = 0;
  std::size_t tokens = 0;
  Durations took;
};

/// A request whose head was found good, with its body.
struct Request {
  Request(std::string id_of_ours, std::shared_ptr<const Client> from, Budget& budget)
      : id(std::move(id_of_ours)), client(std::move(from)), memory(budget) {}

  std::string id;  ///< made here, never the client's
  std::shared_ptr<const Client> client;
  std::string query;  ///< what came behind the question mark
  std::string body;
  Budget::Share memory;  ///< what its body and its rows take
  RequestFacts facts;
};

/// What is answered.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

}  // namespace llm2clip::serve
