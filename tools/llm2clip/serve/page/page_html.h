#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llm2clip/index.h"
#include "serve/api/api_error.h"
#include "serve/http/message.h"

namespace llm2clip::serve {

/// What the page shows. Texts are as they are: whatever is in them is escaped.
struct Page {
  std::string heading;                             ///< what was looked for, in words
  std::string query;                               ///< in the field
  std::string index;                               ///< the name of the index that is searched
  std::vector<std::string> indexes = {};           ///< that there are
  bool takes_images = false;                       ///< an image may be looked for, too
  std::optional<std::vector<IndexHit>> hits = {};  ///< none: nothing was looked for
  std::string note = {};                           ///< where there are no hits
  std::string more = {};                           ///< the address of more hits; empty: none
};

/// The page as it is answered.
Response page_answer(const Page& page);
/// The page with what is wrong on it.
Response page_refusal(const ApiError& error);
/// What goes with the page. `body` is content of the given type: a style, a script, an image.
Response page_file(const char* content_type, std::string body);

}  // namespace llm2clip::serve
