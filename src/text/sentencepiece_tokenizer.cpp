#include "text/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <charconv>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr std::string_view kSpaceMark = "\u2581";

// SentencePiece writes a space as U+2581.
std::string with_spaces(std::string_view piece) {
  std::string text;
  for (std::size_t mark = piece.find(kSpaceMark); mark != std::string_view::npos;
       mark = piece.find(kSpaceMark)) {
    text += piece.substr(0, mark);
    text += ' ';
    piece.remove_prefix(mark + kSpaceMark.size());
  }
  return text += piece;
}

// The byte of "<0x0A>".
std::string byte_of(const std::string& piece) {
  unsigned byte = 0;
  std::from_chars(piece.data() + 3, piece.data() + piece.size() - 1, byte, 16);
  return {static_cast<char>(byte)};
}

class SentencePieceTokenizer final : public TokenModel {
 public:
  SentencePieceTokenizer(std::string_view bytes, std::string name) : name_(std::move(name)) {
    const auto status = processor_.LoadFromSerializedProto(bytes);
    if (!status.ok()) {
      throw Error(ErrorKind::bad_model, name_ + ": is not a SentencePiece model: expected a " +
                                            "tokenizer.json or a tokenizer.model");
    }
  }

  // SentencePiece never reads a control token from a text.
  std::vector<std::int64_t> encode(std::string_view text, std::size_t,
                                   LiteralBytes) const override {
    std::vector<int> ids;
    const auto status = processor_.Encode(text, &ids);
    if (!status.ok()) {
      throw Error(ErrorKind::unreadable_input, "text: SentencePiece: " + status.ToString());
    }
    return {ids.begin(), ids.end()};
  }

  std::optional<std::string> special_word() const override { return std::nullopt; }

  std::vector<std::int64_t> beginning() const override {
    const int id = processor_.bos_id();  // negative when the model has none
    return id < 0 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  }

  std::string piece(std::int64_t id) const override {
    if (id < 0 || id >= vocabulary_size()) {
      throw Error(ErrorKind::invalid_argument,
                  "token id " + std::to_string(id) + ": is not in the vocabulary of " + name_);
    }
    const int known = static_cast<int>(id);
    const std::string& piece = processor_.IdToPiece(known);
    if (processor_.IsByte(known)) return byte_of(piece);
    if (processor_.IsControl(known) || processor_.IsUnknown(known)) return piece;
    return with_spaces(piece);
  }

  std::int64_t vocabulary_size() const override { return processor_.GetPieceSize(); }

 private:
  sentencepiece::SentencePieceProcessor processor_;
  std::string name_;
};

}  // namespace

std::unique_ptr<TokenModel> make_sentencepiece_tokenizer(std::string_view bytes,
                                                         const std::string& name) {
  return std::make_unique<SentencePieceTokenizer>(bytes, name);
}

}  // namespace llm2clip
