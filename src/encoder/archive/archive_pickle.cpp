#include "encoder/archive/archive_pickle.h"

#include <cstdint>
#include <cstring>
#include <optional>

#include "encoder/archive/allowed_operators.h"

namespace llm2clip {
namespace {

// How the argument of an opcode is laid out (Python's Lib/pickletools.py).
enum class Argument {
  none,
  one_byte,
  two_bytes,
  four_bytes,
  eight_bytes,
  text8,
  text32,
  two_lines,
  no_opcode
};

// The opcodes that torch/csrc/jit/serialization/pickler.cpp writes.
// Straight line: a table.
Argument argument_of(char opcode) {
  switch (opcode) {
    case '(':     // MARK
    case ')':     // EMPTY_TUPLE
    case '.':     // STOP
    case '0':     // POP
    case ']':     // EMPTY_LIST
    case '}':     // EMPTY_DICT
    case 'N':     // NONE
    case 'Q':     // BINPERSID
    case 'R':     // REDUCE
    case 'a':     // APPEND
    case 'b':     // BUILD
    case 'e':     // APPENDS
    case 's':     // SETITEM
    case 't':     // TUPLE
    case 'u':     // SETITEMS
    case '\x81':  // NEWOBJ
    case '\x85':  // TUPLE1
    case '\x86':  // TUPLE2
    case '\x87':  // TUPLE3
    case '\x88':  // NEWTRUE
    case '\x89':  // NEWFALSE
      return Argument::none;
    case 'K':     // BININT1
    case 'h':     // BINGET
    case 'q':     // BINPUT
    case '\x80':  // PROTO
      return Argument::one_byte;
    case 'M':  // BININT2
      return Argument::two_bytes;
    case 'J':  // BININT
    case 'j':  // LONG_BINGET
    case 'r':  // LONG_BINPUT
      return Argument::four_bytes;
    case 'G':  // BINFLOAT
      return Argument::eight_bytes;
    case '\x8a':  // LONG1
      return Argument::text8;
    case 'X':  // BINUNICODE
      return Argument::text32;
    case 'c':  // GLOBAL
      return Argument::two_lines;
    default:
      return Argument::no_opcode;
  }
}

// What is left of a pickle; `cut` is empty where it ends too early.
class Rest {
 public:
  explicit Rest(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::optional<std::string_view> cut(std::uint64_t count) {
    if (count > bytes_.size()) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, static_cast<std::size_t>(count));
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::optional<std::string_view> line() {
    const std::size_t end = bytes_.find('\n');
    if (end == bytes_.npos) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, end);
    bytes_.remove_prefix(end + 1);
    return taken;
  }
  template <typename Size>
  std::optional<std::string_view> sized() {
    const auto head = cut(sizeof(Size));
    if (!head) return std::nullopt;
    Size size;
    std::memcpy(&size, head->data(), sizeof size);
    return cut(size);
  }

 private:
  std::string_view bytes_;
};

bool skip(Rest& rest, Argument argument) {
  switch (argument) {
    case Argument::none:
      return true;
    case Argument::one_byte:
      return rest.cut(1).has_value();
    case Argument::two_bytes:
      return rest.cut(2).has_value();
    case Argument::four_bytes:
      return rest.cut(4).has_value();
    case Argument::eight_bytes:
      return rest.cut(8).has_value();
    case Argument::text8:
      return rest.sized<std::uint8_t>().has_value();
    case Argument::text32:
      return rest.sized<std::uint32_t>().has_value();
    case Argument::two_lines:
    case Argument::no_opcode:
      break;
  }
  return false;
}

}  // namespace

std::string fault_of_pickle(std::string_view pickle) {
  Rest rest(pickle);
  while (const auto opcode = rest.cut(1)) {
    const Argument argument = argument_of(opcode->front());
    if (argument == Argument::no_opcode) {
      return "has the pickle opcode " + std::to_string(static_cast<unsigned char>(opcode->front()));
    }
    if (argument == Argument::two_lines) {
      const auto module = rest.line();
      const auto name = module ? rest.line() : std::nullopt;
      if (!name) break;
      if (!is_allowed_global(*module, *name)) {
        return "names " + std::string(*module) + "." + std::string(*name);
      }
    } else if (!skip(rest, argument)) {
      break;
    }
    if (opcode->front() == '.') return rest.empty() ? "" : "has bytes after its end";
  }
  return "ends early";
}

}  // namespace llm2clip
