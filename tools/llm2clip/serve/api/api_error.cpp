#include "serve/api/api_error.h"

#include <nlohmann/json.hpp>

#include "terminal/json_output.h"

namespace llm2clip::serve {
namespace {

constexpr const char* kInvalid = "invalid_request_error";
constexpr const char* kServer = "server_error";

ApiError with(ApiError error, const std::string& param, const std::string& code) {
  error.param = param;
  error.code = code;
  return error;
}

nlohmann::json or_null(const std::string& text) {
  return text.empty() ? nlohmann::json() : nlohmann::json(text);
}

// The words of Text Embeddings Inference for what OpenAI calls by other names.
const char* tei_type(int status) {
  if (status == 429 || status == 503) return status == 429 ? "Overloaded" : "Unhealthy";
  return status >= 500 ? "Backend" : "Validation";
}

}  // namespace

ApiError bad_request(const std::string& param, const std::string& message) {
  return with({400, kInvalid, message}, param, "");
}

ApiError wrong_key() {
  return with({401, kInvalid, "the key is missing or wrong: send Authorization: Bearer KEY"}, "",
              "invalid_api_key");
}

ApiError no_route() {
  return with({404, kInvalid, "there is no such path here; /openapi.json lists what there is"}, "",
              "unknown_url");
}

ApiError no_model(const std::string& model) {
  return with({404, kInvalid, "model: only " + model + " is here; GET /v1/models names it"},
              "model", "model_not_found");
}

ApiError too_large(const std::string& param, const std::string& message) {
  return with({413, kInvalid, message}, param, "");
}

ApiError not_json() {
  return {415, kInvalid, "a JSON document is expected: send Content-Type: application/json"};
}

ApiError overloaded() {
  return with({429, "rate_limit_error", "too many requests are under way; try again later"}, "",
              "rate_limit_exceeded");
}

ApiError not_ready() { return {503, kServer, "the server is not ready; /health says when it is"}; }

ApiError failed_batch() { return {500, kServer, "the model failed on these inputs"}; }

ApiError unusable_row() {
  return {500, kServer, "the model gives a row of zeros, or of values that are not finite"};
}

ApiError internal_error() { return {500, kServer, "internal error"}; }

std::string openai_body(const ApiError& error) {
  const nlohmann::ordered_json body = {{"error",
                                        {{"message", error.message},
                                         {"type", error.type},
                                         {"param", or_null(error.param)},
                                         {"code", or_null(error.code)}}}};
  return cli::json_text(body);
}

std::string tei_body(const ApiError& error) {
  const nlohmann::ordered_json body = {{"error", error.message},
                                       {"error_type", tei_type(error.status)}};
  return cli::json_text(body);
}

std::string cohere_body(const ApiError& error) {
  return cli::json_text(nlohmann::ordered_json{{"message", error.message}});
}

}  // namespace llm2clip::serve
