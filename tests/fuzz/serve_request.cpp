// Bytes that a client sends: the head and the body of a request, and the JSON of every route that
// takes some. Each is taken, or refused by a status of HTTP and one line.

#include <boost/beast/http/read.hpp>

#include "property.h"
#include "serve/api/api_error.h"
#include "serve/api/requests.h"
#include "serve/http/request_head.h"
#include "serve/page/page_request.h"

namespace {

using namespace llm2clip;
using namespace llm2clip::serve;

constexpr std::size_t kMostInputs = kMostTexts;

void check_inputs(const std::vector<ApiInput>& inputs) {
  std::size_t images = 0;
  for (const ApiInput& input : inputs) images += input.is_image() ? 1u : 0u;
  fuzz::property(!inputs.empty() && inputs.size() <= kMostInputs, "inputs have a limit");
  fuzz::property(images <= kMostImages, "images have a limit");
}

template <typename Read>
void take(const Read& read) {
  try {
    read();
  } catch (const ApiError& error) {
    fuzz::property(error.status == 400 || error.status == 404 || error.status == 413, error.what());
    fuzz::property(error.message.find('\n') == std::string::npos, "a message is one line");
    fuzz::property(!openai_body(error).empty(), "an error can be written");
  }
}

void read_as_every_route(const std::string& body) {
  const ModelFacts model{"demo", 4};
  take([&] { check_inputs(read_embeddings(body, model).inputs); });
  take([&] { check_inputs(read_classify(body, model).images); });
  take([&] { check_inputs(read_search(body, model).query); });
  take([&] {
    const SearchRequest request = read_knn(body, model);
    if (!request.row) check_inputs(request.query);
  });
  take([&] { check_inputs(read_tei(body).texts); });
  take([&] { check_inputs(read_cohere(body, model).inputs); });
}

// What is behind the head, where it is a request.
void read_request(std::string_view bytes) {
  HttpParser parser;
  set_limits(parser);
  parser.eager(true);
  boost::system::error_code error;
  std::size_t used = 0;
  while (!error && !parser.is_done() && used < bytes.size()) {
    const std::size_t some =
        parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += some;
    if (some == 0) break;
  }
  if (error && error != boost::beast::http::error::need_more) {
    fuzz::property(fault_of(error).status >= 400, "what is no request has a status");
    return;
  }
  if (!parser.is_header_done()) return;
  try {
    const RequestHead head = read_head(parser);
    fuzz::property(head.path.starts_with('/'), "a path begins with a slash");
    fuzz::property(!(head.chunked && head.content_length), "a body has one length");
    take([&] { read_page_request(head.query); });
    take([&] { read_page_row(head.query); });
  } catch (const HeadFault& fault) {
    fuzz::property(fault.status >= 400 && fault.status < 600, "a fault has a status");
    return;
  }
  if (parser.is_done()) read_as_every_route(parser.get().body());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read_request(bytes);
  read_as_every_route(bytes);
  return 0;
}
