// The keys of the configuration, described once: a reader, a writer, the origins and the comparison of two
// configurations all walk through the same description.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/enum_words.hpp"
#include "trainer/model/config.hpp"
#include "trainer/model/network_builder.hpp"

namespace annulus::trainer {

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

/// Visits the keys of the configuration with the variables they stand for.
class Fields {
 public:
  virtual ~Fields() = default;

  /// True when variables are being filled, false when they are being written out.
  virtual bool reading() const = 0;

  /// Keys between begin and end belong to a group of this name.
  virtual void begin(const char* group) = 0;
  virtual void end() = 0;

  virtual void text(const char* key, std::string& value) = 0;
  virtual void flag(const char* key, bool& value) = 0;
  virtual void whole(const char* key, std::int64_t& value, const Limits& limits) = 0;
  virtual void number(const char* key, double& value, const Limits& limits) = 0;
  virtual void number(const char* key, float& value, const Limits& limits) = 0;
  virtual void numbers(const char* key, std::vector<float>& values, const Limits& limits) = 0;
  virtual void interval(const char* key, float& low, float& high, IntervalForm form) = 0;
  virtual void word(const char* key, int& index, const std::vector<std::string>& words) = 0;
  /// A number for both sides or [height, width].
  virtual void size(const char* key, Size2& size, const Limits& limits) = 0;
  virtual void padding(const char* key, Padding& padding, PaddingMode& mode) = 0;
  /// Names of layers under `input` (one) or `inputs` (a list).
  virtual void inputs(std::vector<std::string>& names) = 0;
  /// Texts by name: {track: track_features}.
  virtual void names(const char* key, std::map<std::string, std::string>& names) = 0;
  virtual void network(Network& network) = 0;

  template <class Integer>
  void integer(const char* key, Integer& value, const Limits& limits) {
    std::int64_t wide = static_cast<std::int64_t>(value);
    whole(key, wide, limits);
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
    word(key, index, words);
    value = static_cast<Enum>(index);
  }
};

/// All keys of a configuration, top level first.
void describe(Fields& fields, Config& config);

}  // namespace annulus::trainer
