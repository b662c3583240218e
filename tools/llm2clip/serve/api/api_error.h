#pragma once

#include <exception>
#include <string>

namespace llm2clip::serve {

/// Why a request gets no rows: what the client is told.
struct ApiError : std::exception {
  ApiError(int http_status, std::string error_type, std::string words)
      : status(http_status), type(std::move(error_type)), message(std::move(words)) {}
  const char* what() const noexcept override { return message.c_str(); }

  int status;           ///< of HTTP
  std::string type;     ///< OpenAI's: "invalid_request_error", "server_error", ...
  std::string message;  ///< one line
  std::string param;    ///< the member of the request that is wrong: "input[3]"; empty: none
  std::string code;     ///< OpenAI's, where it has one: "model_not_found"
};

/// 400. `param` names the member of the request.
ApiError bad_request(const std::string& param, const std::string& message);
/// 401: the key is missing or wrong.
ApiError wrong_key();
/// 404: no such route.
ApiError no_route();
/// 404: another model than the one that is here.
ApiError no_model(const std::string& model);
/// 413. `param` may be empty.
ApiError too_large(const std::string& param, const std::string& message);
/// 415: the body is no JSON by its Content-Type.
ApiError not_json();
/// 429, and Retry-After.
ApiError overloaded();
/// 503, and Retry-After: loading, or ending.
ApiError not_ready();
/// 500 for all requests that had an input in the batch.
ApiError failed_batch();
/// 500: the row is of zeros, or not finite.
ApiError unusable_row();
/// 500: a fault of the server's own.
ApiError internal_error();

/// The answer's body as OpenAI has it: {"error": {"message", "type", "param", "code"}}.
std::string openai_body(const ApiError& error);
/// As Text Embeddings Inference has it: {"error", "error_type"}.
std::string tei_body(const ApiError& error);
/// As Cohere has it: {"message"}.
std::string cohere_body(const ApiError& error);

}  // namespace llm2clip::serve
