#include "encoder/archive/archive_code.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <list>
#include <set>

#include "encoder/archive/allowed_operators.h"
#include "encoder/archive/archive_pickle.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

enum class Kind { name, number, string, symbol, end };

struct Token {
  Kind kind = Kind::end;
  std::string_view text;
};

// What is wrong with one record.
struct Record {
  const std::filesystem::path& path;
  const std::string& name;

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(ErrorKind::bad_model,
                path.string() + ": " + name + " " + why +
                    ", which no model of llm2clip-export does; see SECURITY.md, and set "
                    "trust_model only for a file that you would run as a program");
  }
};

bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool continues_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Cuts the source that TorchScript writes into tokens. Its language has one-line strings, no
// decorators and no line continuations.
class Lexer {
 public:
  Lexer(std::string_view source, const Record& record) : rest_(source), record_(record) {}

  Token next() {
    skip_space();
    if (rest_.empty()) return {};
    const char c = rest_[0];
    if (starts_name(c)) return take(Kind::name, continues_name);
    if (std::isdigit(static_cast<unsigned char>(c))) return take_number();
    if (c == '"' || c == '\'') return take_string(c);
    constexpr std::string_view kSymbols = "()[]{}<>.,:=+-*/%&|^~!;";
    if (kSymbols.find(c) == kSymbols.npos) {
      record_.refuse("has the character '" + std::string(1, c) + "'");
    }
    return cut(Kind::symbol, 1);
  }

 private:
  void skip_space() {
    while (!rest_.empty()) {
      if (rest_[0] == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else if (rest_[0] == ' ' || rest_[0] == '\n') {
        rest_.remove_prefix(1);
      } else {
        return;
      }
    }
  }
  Token cut(Kind kind, std::size_t size) {
    const Token token{kind, rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return token;
  }
  Token take(Kind kind, bool (*continues)(char)) {
    std::size_t size = 1;
    while (size < rest_.size() && continues(rest_[size])) ++size;
    return cut(kind, size);
  }
  Token take_number() {
    std::size_t size = 1;
    while (size < rest_.size() &&
           (continues_name(rest_[size]) || rest_[size] == '.' ||
            ((rest_[size] == '+' || rest_[size] == '-') && rest_[size - 1] == 'e'))) {
      ++size;
    }
    return cut(Kind::number, size);
  }
  Token take_string(char quote) {
    for (std::size_t i = 1; i < rest_.size() && rest_[i] != '\n'; ++i) {
      if (rest_[i] == '\\') {
        ++i;
      } else if (rest_[i] == quote) {
        return cut(Kind::string, i + 1);
      }
    }
    record_.refuse("has a string without an end");
  }

  std::string_view rest_;
  const Record& record_;
};

constexpr auto kForbiddenWords = std::to_array<std::string_view>(
    {"while", "import", "from", "lambda", "with", "try", "except", "finally", "global", "nonlocal",
     "del", "yield", "async", "await", "exec", "raise"});
constexpr auto kFunctions = std::to_array<std::string_view>({"annotate",
                                                             "bool",
                                                             "float",
                                                             "getattr",
                                                             "int",
                                                             "isinstance",
                                                             "len",
                                                             "range",
                                                             "unchecked_cast",
                                                             "uninitialized",
                                                             "not",
                                                             "and",
                                                             "or",
                                                             "in",
                                                             "is",
                                                             "return",
                                                             "if",
                                                             "elif",
                                                             "for",
                                                             "else"});

// The names that stand before the sign of an assignment, and those of methods and functions, in all
// records: calls of them are calls into code that is read, too.
struct Definitions {
  std::set<std::string, std::less<>> methods;
};

std::vector<Token> tokens_of(std::string_view source, const Record& record) {
  Lexer lexer(source, record);
  std::vector<Token> tokens;
  for (Token token = lexer.next(); token.kind != Kind::end; token = lexer.next()) {
    tokens.push_back(token);
  }
  tokens.emplace_back();
  return tokens;
}

void collect(const std::vector<Token>& tokens, const Record& record, Definitions& all) {
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if (tokens[i].text != "def" || tokens[i].kind != Kind::name) continue;
    const std::string_view name = tokens[i + 1].text;
    // LibTorch calls some of its own accord; the length of a list of modules is none of these.
    if (name.starts_with("__") && name != "__len__") record.refuse("defines " + std::string(name));
    all.methods.emplace(name);
  }
}

class CodeCheck {
 public:
  CodeCheck(const std::vector<Token>& tokens, const Record& record, const Definitions& all)
      : tokens_(tokens), record_(record), all_(all) {}

  void run() {
    while (tokens_[at_].kind != Kind::end) {
      const Token& token = tokens_[at_];
      if (token.kind != Kind::name) {
        ++at_;
      } else if (token.text == "class") {
        check_class();
      } else if (token.text == "def") {
        at_ += is_name(at_ + 1) ? 2 : 1;  // its name is no call
      } else {
        check_path();
      }
    }
  }

 private:
  bool is(std::size_t at, std::string_view text) const {
    return at < tokens_.size() && tokens_[at].text == text;
  }
  bool is_name(std::size_t at) const {
    return at < tokens_.size() && tokens_[at].kind == Kind::name;
  }

  void check_class() {
    if (!is(at_ + 2, "(") || !is(at_ + 3, "Module") || !is(at_ + 4, ")")) {
      record_.refuse("defines a class that is no module");
    }
    at_ += 5;
  }

  // A name, or names with dots between them, as they stand: torch.linear, ops.prim.dtype,
  // x.forward.
  void check_path() {
    const bool of_value = at_ > 0 && tokens_[at_ - 1].text == ".";  // (expression).name
    std::vector<std::string> path = {std::string(tokens_[at_++].text)};
    while (is(at_, ".") && is_name(at_ + 1)) {
      path.emplace_back(tokens_[at_ + 1].text);
      at_ += 2;
    }
    const bool called = is(at_, "(");
    if (!of_value && path[0] == "torch") {
      check_operator("aten", path, 2);
    } else if (!of_value && path[0] == "ops") {
      check_operator(path.size() > 1 ? path[1] : "", path, 3);
    } else if (!of_value && path[0] == "__torch__") {
      if (path.size() > 2 && path[1] == "torch" && path[2] == "classes") {
        record_.refuse("uses the custom class " + joined(path));
      }
    } else if (called && (of_value || path.size() > 1)) {
      if (!all_.methods.contains(path.back())) {
        record_.refuse("calls the method " + path.back());
      }
    } else if (path.size() == 1 && !of_value) {
      check_word(path[0], called);
    }
  }

  // `length`: parts of a name that is one operator.
  void check_operator(const std::string& space, const std::vector<std::string>& path,
                      std::size_t length) {
    const std::string name = space + "::" + path.back();
    if (path.size() != length || !is_allowed_operator(name)) {
      record_.refuse("uses the operator " + joined(path));
    }
  }

  void check_word(const std::string& word, bool called) {
    if (holds(kForbiddenWords, word)) record_.refuse("has the word " + word);
    if (is(at_, "=") && !is(at_ + 1, "=")) values_.insert(word);
    if (!called || holds(kFunctions, word) || values_.contains(word)) return;
    record_.refuse("calls " + word);
  }

  static std::string joined(const std::vector<std::string>& path) {
    std::string text;
    for (const std::string& part : path) text += (text.empty() ? "" : ".") + part;
    return text;
  }

  const std::vector<Token>& tokens_;
  const Record& record_;
  const Definitions& all_;
  std::size_t at_ = 0;
  std::set<std::string, std::less<>> values_;  // that this record has assigned
};

bool is_weight(std::string_view name) {
  for (const std::string_view folder : {"data/", "constants/"}) {
    if (!name.starts_with(folder)) continue;
    const std::string_view digits = name.substr(folder.size());
    return !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  }
  return false;
}

bool is_code(std::string_view name) { return name.starts_with("code/") && name.ends_with(".py"); }

bool is_pickle(std::string_view name) {
  return name == "data.pkl" || name == "constants.pkl" ||
         (name.starts_with("code/") && name.ends_with(".debug_pkl"));
}

bool is_note(std::string_view name) {
  constexpr auto kNotes = std::to_array<std::string_view>(
      {"version", ".data/version", "byteorder", ".data/serialization_id", ".format_version",
       ".storage_alignment"});
  return holds(kNotes, name);
}

}  // namespace

void check_archive_code(std::span<const std::byte> archive, std::span<const ArchiveEntry> entries,
                        const std::filesystem::path& path) {
  // Tokens point into `sources`, whose strings must not move: a list.
  std::list<std::string> sources;
  std::vector<std::pair<const ArchiveEntry*, std::vector<Token>>> code;
  Definitions all;
  for (const ArchiveEntry& entry : entries) {
    const Record record{path, entry.name};
    if (is_code(entry.name)) {
      sources.push_back(content_of(archive, entry, path));
      code.emplace_back(&entry, tokens_of(sources.back(), record));
      collect(code.back().second, record, all);
    } else if (is_pickle(entry.name)) {
      const std::string fault = fault_of_pickle(content_of(archive, entry, path));
      if (!fault.empty()) record.refuse(fault);
    } else if (!is_weight(entry.name) && !is_note(entry.name)) {
      record.refuse("is of a kind of record");
    }
  }
  for (const auto& [entry, tokens] : code) {
    const Record record{path, entry->name};
    CodeCheck(tokens, record, all).run();
  }
}

}  // namespace llm2clip
