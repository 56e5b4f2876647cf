// What a key of the configuration may be, and who visits keys: whatever has keys hands each of them, with the
// variable that it stands for, to a Fields. The reader fills the variables in, the writer writes them down,
// so both know the same keys with the same ranges.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/enum_words.hpp"
#include "trainer/model/layers/settings.hpp"

namespace annulus::trainer {

struct Network;

/// Allowed values of a number.
struct Limits {
  enum class Ends { closed, low_open, high_open };
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
  Ends ends = Ends::closed;

  bool contains(double value) const;
  std::string text() const;  ///< "in [0, 1)" or "at least 1"
};

/// How a pair of numbers may be written beside [low, high].
enum class IntervalForm {
  pair_only,   ///< brightness_range: [0.8, 1.2]
  around_one,  ///< zoom_range: 0.1 means [0.9, 1.1]
};

/// The variable that a key stands for, by the form of its values, with what they may be.
struct TextValue {
  std::string& text;
};
struct FlagValue {
  bool& flag;
};
struct WholeValue {
  std::int64_t& number;
  const Limits& limits;
};
template <class Real>
struct RealValue {
  Real& number;
  const Limits& limits;
};
struct ListValue {
  std::vector<float>& numbers;
  const Limits& limits;
};
struct IntervalValue {
  float& low;
  float& high;
  IntervalForm form;
};
/// A number, with or without a decimal point, or a list of numbers to choose from: width_shift_range.
struct AmountValue {
  float& amount;
  bool& has_point;           ///< 2.0 or 2.5, not 2
  std::span<float> choices;  ///< room for the most there may be
  std::size_t& count;        ///< of choices; 0 = the amount counts
  const Limits& limits;      ///< of the amount, and of choices without their sign
};
/// One of some words, by its index.
struct WordValue {
  int& index;
  const std::vector<std::string>& words;
};
/// A number for both sides or [height, width].
struct SizeValue {
  Size2& size;
  const Limits& limits;
};
struct PaddingValue {
  Padding& padding;
  PaddingMode& mode;
};
/// Nested lists of numbers; empty when there are none.
struct WeightsValue {
  FixedWeights& weights;
};
/// Texts by name: {track: track_features}.
struct NamesValue {
  std::map<std::string, std::string>& names;
};
/// A list of texts, or one alone: [a.h5, b.h5].
struct TextsValue {
  std::vector<std::string>& texts;
};
using FieldValue = std::variant<TextValue, FlagValue, WholeValue, RealValue<double>, RealValue<float>,
                                ListValue, IntervalValue, AmountValue, WordValue, SizeValue, PaddingValue,
                                WeightsValue, NamesValue, TextsValue>;

/// Visits the keys of the configuration with the variables they stand for.
class Fields {
 public:
  virtual ~Fields() = default;

  /// True when variables are being filled, false when they are being written out.
  virtual bool reading() const = 0;

  /// Keys between begin and end belong to a group of this name.
  virtual void begin(const char* group) = 0;
  virtual void end() = 0;

  /// Any key with one value; the calls below are short for this.
  virtual void visit(const char* key, const FieldValue& value) = 0;
  /// Names of layers under `input` (one) or `inputs` (a list).
  virtual void inputs(std::vector<std::string>& names) = 0;
  virtual void network(Network& network) = 0;

  void text(const char* key, std::string& value) { visit(key, TextValue{value}); }
  void flag(const char* key, bool& value) { visit(key, FlagValue{value}); }
  void number(const char* key, double& value, const Limits& limits) {
    visit(key, RealValue<double>{value, limits});
  }
  void number(const char* key, float& value, const Limits& limits) {
    visit(key, RealValue<float>{value, limits});
  }
  void numbers(const char* key, std::vector<float>& values, const Limits& limits) {
    visit(key, ListValue{values, limits});
  }
  void interval(const char* key, float& low, float& high, IntervalForm form) {
    visit(key, IntervalValue{low, high, form});
  }
  void size(const char* key, Size2& size, const Limits& limits) { visit(key, SizeValue{size, limits}); }
  void padding(const char* key, Padding& padding, PaddingMode& mode) {
    visit(key, PaddingValue{padding, mode});
  }
  void weights(const char* key, FixedWeights& weights) { visit(key, WeightsValue{weights}); }
  void names(const char* key, std::map<std::string, std::string>& names) { visit(key, NamesValue{names}); }
  void texts(const char* key, std::vector<std::string>& texts) { visit(key, TextsValue{texts}); }
  template <class Integer>
  void integer(const char* key, Integer& value, const Limits& limits) {
    std::int64_t wide = static_cast<std::int64_t>(value);
    visit(key, WholeValue{wide, limits});
    value = static_cast<Integer>(wide);
  }
  /// One of the words of an enumeration.
  template <class Enum>
  void choice(const char* key, Enum& value) {
    choice(key, value, words_list<Enum>());
  }
  /// The same with words of its own. @pre the enumerators count from 0 in the order of `words`
  template <class Enum>
  void choice(const char* key, Enum& value, const std::vector<std::string>& words) {
    int index = static_cast<int>(value);
    visit(key, WordValue{index, words});
    value = static_cast<Enum>(index);
  }
};

}  // namespace annulus::trainer
