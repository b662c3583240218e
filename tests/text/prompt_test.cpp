#include "text/prompt.h"

#include "support/catch.h"
#include "text/utf8.h"

namespace llm2clip {
namespace {

const std::string kHeader = "<|start_header_id|>user<|end_header_id|>\n\n";

std::string seen(std::string_view text) { return apply_prompt(llama3_prompt(), text).seen; }
std::string pooled(std::string_view text) { return apply_prompt(llama3_prompt(), text).pooled; }

TEST_CASE("a text stands between prefix and suffix, and text and suffix are pooled",
          "[text][prompt]") {
  CHECK(seen("a dog") == kHeader + "a dog<|eot_id|>");
  CHECK(pooled("a dog") == "a dog<|eot_id|>");
}

// Reference: prepare_for_tokenization strips after the separator was put in front.
TEST_CASE("white space goes from the end of a text and stays at its beginning", "[text][prompt]") {
  CHECK(pooled("foo  ") == "foo<|eot_id|>");
  CHECK(pooled(" foo") == " foo<|eot_id|>");
  CHECK(pooled("\n \ndog\r\n\t") == "\n \ndog<|eot_id|>");
  CHECK(pooled("") == "<|eot_id|>");
  CHECK(pooled(" \t\n\u3000") == "<|eot_id|>");
}

TEST_CASE("strip takes Python's white space and nothing else", "[text][prompt]") {
  // Measured with str.isspace() of Python 3.11 over all code points.
  const auto is_space = [](std::uint32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
  };
  for (std::uint32_t c = 0; c < 0x3100; ++c) {
    std::string one;
    append_utf8(one, c);
    INFO(c);
    CHECK(strip(one + "a" + one) == (is_space(c) ? "a" : one + "a" + one));
  }
}

TEST_CASE("words are what Python's split gives", "[text][prompt]") {
  const std::string text = "\u3000 one\u2003two\x1cthree\n\tfour \xc2\xa0";
  CHECK(count_words(text) == 4);
  CHECK(first_words(text, 3) == "one two three");
  CHECK(first_words(text, 9) == "one two three four");
  CHECK(first_words(text, 0).empty());
  CHECK(count_words(" \n") == 0);
}

TEST_CASE("without prefix and suffix nothing is stripped", "[text][prompt]") {
  const PromptedText bare = apply_prompt(Prompt{}, " a dog \n");
  CHECK(bare.seen == " a dog \n");
  CHECK(bare.pooled == " a dog \n");
}

TEST_CASE("a separator in the text vanishes, and only the part before it is pooled",
          "[text][prompt]") {
  CHECK(seen("a!@#$%^&*()b") == kHeader + "ab<|eot_id|>");
  CHECK(pooled("a!@#$%^&*()b") == "a");
  CHECK(pooled("a!@#$%^&*()b!@#$%^&*()c") == "a");
}

TEST_CASE("a text that is the separator pools nothing", "[text][prompt]") {
  CHECK(seen("!@#$%^&*()") == kHeader + "<|eot_id|>");
  CHECK(pooled("!@#$%^&*()").empty());
}

TEST_CASE("separators are found from the left, as Python's split does", "[text][prompt]") {
  const Prompt prompt = {.prefix = "<", .suffix = ">", .separator = "aa"};
  const PromptedText text = apply_prompt(prompt, "aaab");  // "<" "aa" "aaab" ">"
  CHECK(text.seen == "<ab>");
  CHECK(text.pooled.empty());
}

TEST_CASE("templates of other base models are only other values", "[text][prompt]") {
  const Prompt mistral = {.prefix = "[INST] ", .suffix = " [/INST]"};
  CHECK(apply_prompt(mistral, "a dog ").seen == "[INST] a dog [/INST]");
  CHECK(apply_prompt(mistral, "a dog ").pooled == "a dog [/INST]");
}

}  // namespace
}  // namespace llm2clip
