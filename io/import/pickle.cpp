// The stack machine of pickles: values are pushed, and gathered from a mark on.
#include "io/import/pickle.hpp"

#include <array>
#include <charconv>
#include <unordered_map>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/import/pickle_calls.hpp"
#include "io/import/pickle_text.hpp"

namespace annulus::io {
namespace {

using Kind = Pickle::Kind;
using Number = Pickle::Number;

/// Names of the operations that are refused, for messages.
std::string operation_name(unsigned char code) {
  static const std::unordered_map<unsigned char, const char*> kNames{{'i', "INST"},
                                                                     {'o', "OBJ"},
                                                                     {0x81, "NEWOBJ"},
                                                                     {0x92, "NEWOBJ_EX"},
                                                                     {'P', "PERSID"},
                                                                     {'Q', "BINPERSID"},
                                                                     {0x82, "EXT1"},
                                                                     {0x83, "EXT2"},
                                                                     {0x84, "EXT4"},
                                                                     {'F', "FLOAT"},
                                                                     {'G', "BINFLOAT"},
                                                                     {0x8b, "LONG4"},
                                                                     {0x8f, "EMPTY_SET"},
                                                                     {0x90, "ADDITEMS"},
                                                                     {0x91, "FROZENSET"},
                                                                     {0x97, "NEXT_BUFFER"},
                                                                     {0x98, "READONLY_BUFFER"},
                                                                     {'2', "DUP"},
                                                                     {'0', "POP"},
                                                                     {'1', "POP_MARK"}};
  const auto found = kNames.find(code);
  return found != kNames.end() ? found->second : "that no protocol has";
}

}  // namespace

class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> contents, const std::string& place)
      : text_(reinterpret_cast<const char*>(contents.data()), contents.size()),
        place_(place),
        calls_(pickle_, place, contents.size()) {}

  Pickle run() && {
    while (step(static_cast<unsigned char>(take(1).front()))) continue;
    pickle_.root = pop();
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    throw DataError("{}: at byte {}: {}. The file is damaged or was not completely copied; fetch it again.",
                    place_, at_, what);
  }

  // Reading.
  std::string_view take(std::uint64_t bytes) {
    if (bytes > text_.size() - at_) damaged("the pickle ends too early");
    const std::string_view taken = text_.substr(at_, bytes);
    at_ += bytes;
    return taken;
  }
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    const std::string_view text = take(bytes);
    for (std::size_t i = 0; i < bytes; ++i)
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << 8 * i;
    return value;
  }
  std::string_view line() {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) damaged("the pickle ends too early");
    const std::string_view taken = take(end - at_);
    take(1);
    return taken;
  }
  std::int64_t decimal(std::string_view text) {
    if (text.ends_with('L')) text.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      damaged(quoted_name(text) + " is not a whole number of 64 bits");
    return value;
  }
  /// A number of `bytes` bytes in two's complement.
  std::int64_t signed_number(std::size_t bytes) {
    if (bytes > 8) damaged("a whole number has more than 64 bits");
    if (bytes == 0) return 0;
    const auto unused = static_cast<int>(64 - 8 * bytes);
    return static_cast<std::int64_t>(number(bytes) << unused) >> unused;
  }

  // The stack.
  void push(Number value) { stack_.push_back(value); }
  void push(Pickle::Value value) { push(calls_.add(std::move(value))); }
  void push_text(std::string_view text) { push({.kind = Kind::text, .text = text}); }
  void push_decoded(std::optional<std::string> text) {
    if (!text) damaged("text is not written as text is");
    push(calls_.add_text(std::move(*text)));
  }
  void push_integer(std::int64_t value) { push({.kind = Kind::integer, .integer = value}); }
  void push_boolean(bool value) { push({.kind = Kind::boolean, .integer = value ? 1 : 0}); }
  /// The lowest place that may be taken: what lies below a mark belongs to it.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  Number pop() {
    if (stack_.size() <= floor()) damaged("a value is missing");
    const Number value = stack_.back();
    stack_.pop_back();
    return value;
  }
  Number top() const {
    if (stack_.size() <= floor()) damaged("a value is missing");
    return stack_.back();
  }
  std::vector<Number> last(std::size_t count) {
    if (stack_.size() - floor() < count) damaged("a value is missing");
    std::vector<Number> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return values;
  }
  std::vector<Number> from_mark() {
    if (marks_.empty()) damaged("a mark is missing");
    std::vector<Number> values = last(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }
  /// Values to the list or the dictionary on the stack.
  void extend(Kind kind, const std::vector<Number>& values) {
    Pickle::Value& list = pickle_.values.at(top());
    if (list.kind != kind || (kind == Kind::dictionary && values.size() % 2 != 0))
      damaged("values are added to what does not take them");
    list.items.insert(list.items.end(), values.begin(), values.end());
  }
  void mark() {
    constexpr std::size_t kDeepest = 1000;
    if (marks_.size() >= kDeepest) damaged(fmt::format("lists lie more than {} deep", kDeepest));
    marks_.push_back(stack_.size());
  }
  void gather(Kind kind, std::vector<Number> values) {
    if (kind == Kind::dictionary && values.size() % 2 != 0) damaged("a key has no value");
    push({.kind = kind, .items = std::move(values)});
  }
  void recall(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) damaged("a value is asked for that was not kept");
    push(found->second);
  }

  /// @return whether there is more to do
  bool step(unsigned char code) {
    if (code == '.') return false;
    if (!read_text(code) && !read_number(code) && !read_group(code) && !read_call(code) && !read_memo(code))
      throw DataError(
          "{}: at byte {}: has the operation {} ({:#04x}), which has no part in reading lists and arrays. Nothing in it was run. Is this the data set, from whoever publishes it?",
          place_, at_ - 1, operation_name(code), code);
    return true;
  }

  bool read_text(unsigned char code) {
    switch (code) {
      case 'U':   // SHORT_BINSTRING
      case 'C':   // SHORT_BINBYTES
      case 0x8c:  // SHORT_BINUNICODE
        return push_text(take(number(1))), true;
      case 'T':  // BINSTRING
      case 'B':  // BINBYTES
      case 'X':  // BINUNICODE
        return push_text(take(number(4))), true;
      case 0x8d:  // BINUNICODE8
      case 0x8e:  // BINBYTES8
      case 0x96:  // BYTEARRAY8
        return push_text(take(number(8))), true;
      case 'S':  // STRING
        return push_decoded(unquoted_text(line())), true;
      case 'V':  // UNICODE
        return push_decoded(unescaped_text(line())), true;
      default:
        return false;
    }
  }

  bool read_number(unsigned char code) {
    switch (code) {
      case 'K':  // BININT1
        return push_integer(static_cast<std::int64_t>(number(1))), true;
      case 'M':  // BININT2
        return push_integer(static_cast<std::int64_t>(number(2))), true;
      case 'J':  // BININT
        return push_integer(signed_number(4)), true;
      case 0x8a:  // LONG1
        return push_integer(signed_number(number(1))), true;
      case 'L':  // LONG
        return push_integer(decimal(line())), true;
      case 'I': {  // INT, and how protocol 0 writes True and False
        const std::string_view text = line();
        if (text == "00" || text == "01") return push_boolean(text == "01"), true;
        return push_integer(decimal(text)), true;
      }
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return push_boolean(code == 0x88), true;
      case 'N':  // NONE
        return push(Pickle::Value{}), true;
      default:
        return false;
    }
  }

  bool read_group(unsigned char code) {
    switch (code) {
      case '(':  // MARK
        return mark(), true;
      case ']':  // EMPTY_LIST
        return gather(Kind::list, {}), true;
      case ')':  // EMPTY_TUPLE
        return gather(Kind::tuple, {}), true;
      case '}':  // EMPTY_DICT
        return gather(Kind::dictionary, {}), true;
      case 'l':  // LIST
        return gather(Kind::list, from_mark()), true;
      case 't':  // TUPLE
        return gather(Kind::tuple, from_mark()), true;
      case 'd':  // DICT
        return gather(Kind::dictionary, from_mark()), true;
      case 0x85:  // TUPLE1, TUPLE2, TUPLE3
      case 0x86:
      case 0x87:
        return gather(Kind::tuple, last(code - 0x84U)), true;
      case 'a':  // APPEND
        return extend(Kind::list, last(1)), true;
      case 'e':  // APPENDS
        return extend(Kind::list, from_mark()), true;
      case 's':  // SETITEM
        return extend(Kind::dictionary, last(2)), true;
      case 'u':  // SETITEMS
        return extend(Kind::dictionary, from_mark()), true;
      default:
        return false;
    }
  }

  bool read_call(unsigned char code) {
    switch (code) {
      case 'c': {  // GLOBAL
        const std::string_view module = line();
        return push(calls_.add_function(module, line())), true;
      }
      case 0x93: {  // STACK_GLOBAL
        const std::vector<Number> names = last(2);
        return push(calls_.add_function(pickle_[names[0]].text, pickle_[names[1]].text)), true;
      }
      case 'R': {  // REDUCE
        const std::vector<Number> call = last(2);
        return push(calls_.call(call[0], call[1])), true;
      }
      case 'b': {  // BUILD
        const Number state = pop();
        return calls_.build(top(), state), true;
      }
      default:
        return false;
    }
  }

  bool read_memo(unsigned char code) {
    switch (code) {
      case 'q':  // BINPUT
        return keep(number(1)), true;
      case 'r':  // LONG_BINPUT
        return keep(number(4)), true;
      case 'p':  // PUT
        return keep(static_cast<std::uint64_t>(decimal(line()))), true;
      case 0x94:  // MEMOIZE
        return keep(memo_.size()), true;
      case 'h':  // BINGET
        return recall(number(1)), true;
      case 'j':  // LONG_BINGET
        return recall(number(4)), true;
      case 'g':  // GET
        return recall(static_cast<std::uint64_t>(decimal(line()))), true;
      case 0x80:  // PROTO
        return take(1), true;
      case 0x95:  // FRAME
        return take(8), true;
      default:
        return false;
    }
  }
  void keep(std::uint64_t place) {
    constexpr std::size_t kMost = 4'000'000;
    if (memo_.size() >= kMost) damaged(fmt::format("more than {} values are kept", kMost));
    memo_[place] = top();
  }

  std::string_view text_;
  const std::string& place_;
  std::size_t at_ = 0;
  Pickle pickle_;
  PickleCalls calls_;
  std::vector<Number> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, Number> memo_;
};

const Pickle::Value* Pickle::find(const Value& dictionary, std::string_view key) const {
  if (dictionary.kind != Kind::dictionary) return nullptr;
  for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
    const Value& name = values.at(dictionary.items[i]);
    if (name.kind == Kind::text && name.text == key) return &values.at(dictionary.items[i + 1]);
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> contents, const std::string& place) {
  return PickleMachine(contents, place).run();
}

}  // namespace annulus::io
