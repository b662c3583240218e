#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "serve/http/message.h"
#include "serve/routes/routes.h"
#include "serve/service.h"

namespace llm2clip::serve {

/// A request and what became of it: sizes and kinds, and nothing that the client sent.
struct Answered {
  std::string id;
  const Route* route = nullptr;  ///< nullptr: none was found
  int status = 0;
  std::size_t bytes_in = 0;
  std::size_t bytes_out = 0;
  RequestFacts facts;
  std::chrono::duration<double> took{0};
};

/// A line in the log, and the metrics.
void note_answer(Service& service, const Answered& answered);

}  // namespace llm2clip::serve
