// Arguments to arrays: the few calls, each written out.
#include "io/import/pickle_calls.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/import/pickle_text.hpp"

namespace annulus::io {
namespace {

/// NumPy 2 moved its core; both names stand in files.
constexpr std::array kFunctions{
    std::string_view("numpy.core.multiarray._reconstruct"),
    std::string_view("numpy.core.multiarray.scalar"),
    std::string_view("numpy.core.numeric._frombuffer"),
    std::string_view("numpy.ndarray"),
    std::string_view("numpy.dtype"),
    std::string_view("_codecs.encode"),
    std::string_view("builtins.bytes"),
};

std::string known_name(std::string_view module, std::string_view name) {
  std::string whole = fmt::format("{}.{}", module, name);
  if (whole.starts_with("numpy._core.")) whole.replace(0, 12, "numpy.core.");
  if (whole == "__builtin__.bytes") whole = "builtins.bytes";
  return whole;
}

}  // namespace

void PickleCalls::refuse(const std::string& what) const {
  throw DataError("{}: {}. The pickle is damaged, or holds something else than lists and arrays.", place_,
                  what);
}

Pickle::Number PickleCalls::add(Pickle::Value value) {
  constexpr std::size_t kMost = 4'000'000;  // CIFAR has 100,000
  if (pickle_.values.size() >= kMost)
    throw DataError("{}: holds more than {} values beside its arrays. Is this the right file?", place_,
                    kMost);
  pickle_.values.push_back(std::move(value));
  return static_cast<Pickle::Number>(pickle_.values.size() - 1);
}

Pickle::Number PickleCalls::add_text(std::string text) {
  decoded_ += text.size();
  if (decoded_ > most_decoded_) refuse("it unpacks to more than four times its size");
  pickle_.decoded.push_back(std::move(text));
  return add({.kind = Kind::text, .text = pickle_.decoded.back()});
}

Pickle::Number PickleCalls::add_function(std::string_view module, std::string_view name) {
  const auto* const found = std::find(kFunctions.begin(), kFunctions.end(), known_name(module, name));
  if (found == kFunctions.end())
    throw DataError(
        "{}: asks to run {}, which has no part in reading lists and arrays. It was not run: nothing in a pickle is. Is this the data set, from whoever publishes it?",
        place_, quoted_name(fmt::format("{}.{}", module, name), 120));
  return add({.kind = Kind::function, .text = *found});
}

const Pickle::Value& PickleCalls::item(const Pickle::Value& list, std::size_t i, Kind kind) const {
  if (i >= list.items.size() || pickle_[list.items[i]].kind != kind)
    refuse(fmt::format("value {} of an array's description is of another kind", i));
  return pickle_[list.items[i]];
}

Extents PickleCalls::extents_of(const Pickle::Value& tuple) const {
  constexpr std::size_t kMostAxes = 8;
  if (tuple.items.size() > kMostAxes) refuse(fmt::format("an array has {} axes", tuple.items.size()));
  Extents extents;
  for (std::size_t i = 0; i < tuple.items.size(); ++i) {
    extents.push_back(item(tuple, i, Kind::integer).integer);
    if (extents.back() < 0) refuse("an array has a negative extent");
  }
  return extents;
}

Pickle::Number PickleCalls::add_array(PickledArray array) {
  pickle_.arrays.push_back(std::move(array));
  return add({.kind = Kind::array, .integer = static_cast<std::int64_t>(pickle_.arrays.size() - 1)});
}

Pickle::Number PickleCalls::add_type(std::string_view word) {
  pickle_.types.push_back(parse_numpy_type(word, place_));
  return add({.kind = Kind::type, .integer = static_cast<std::int64_t>(pickle_.types.size() - 1)});
}

void PickleCalls::check_size(const PickledArray& array) const {
  std::uint64_t expected = array.type.bytes;
  for (const std::int64_t extent : array.extents) {
    const auto length = static_cast<std::uint64_t>(extent);
    if (length != 0 && expected > array.values.size() / length)
      refuse("an array claims more values than it has");
    expected *= length;
  }
  if (expected != array.values.size())
    refuse(fmt::format("an array claims {} bytes, but has {}", expected, array.values.size()));
}

/// _codecs.encode(text, "latin1"): how Python 3 writes bytes for Python 2.
Pickle::Number PickleCalls::decoded(const Pickle::Value& arguments) {
  const std::string_view encoding = item(arguments, 1, Kind::text).text;
  if (encoding != "latin1" && encoding != "latin-1") refuse("bytes are written in another way than Latin-1");
  auto bytes = latin1_of(item(arguments, 0, Kind::text).text);
  if (!bytes) refuse("letters that stand for bytes are beyond Latin-1");
  return add_text(std::move(*bytes));
}

Pickle::Number PickleCalls::call(Pickle::Number function, Pickle::Number given) {
  const Pickle::Value& callee = pickle_[function];
  const Pickle::Value& arguments = pickle_[given];
  if (callee.kind != Kind::function || arguments.kind != Kind::tuple)
    refuse("it calls what is not a function");
  const std::string_view name = callee.text;
  if (name == "_codecs.encode") return decoded(arguments);
  if (name == "builtins.bytes" && arguments.items.empty()) return add({.kind = Kind::text});
  if (name == "numpy.dtype") return add_type(item(arguments, 0, Kind::text).text);
  if (name == "numpy.core.multiarray._reconstruct") return add_array({});
  PickledArray array;
  if (name == "numpy.core.multiarray.scalar") {
    array.type = pickle_.types.at(static_cast<std::size_t>(item(arguments, 0, Kind::type).integer));
    array.values = std::as_bytes(std::span(item(arguments, 1, Kind::text).text));
  } else if (name == "numpy.core.numeric._frombuffer") {
    array.values = std::as_bytes(std::span(item(arguments, 0, Kind::text).text));
    array.type = pickle_.types.at(static_cast<std::size_t>(item(arguments, 1, Kind::type).integer));
    array.extents = extents_of(item(arguments, 2, Kind::tuple));
    array.fortran = item(arguments, 3, Kind::text).text == "F";
  } else {
    refuse(fmt::format("it calls {} as no array does", name));
  }
  check_size(array);
  return add_array(std::move(array));
}

void PickleCalls::build(Pickle::Number object, Pickle::Number given) {
  const Pickle::Value& built = pickle_[object];
  const Pickle::Value& state = pickle_[given];
  if (state.kind != Kind::tuple) refuse("the state of an object is not a tuple");
  const auto place = static_cast<std::size_t>(built.integer);
  if (built.kind == Kind::type) {
    NumpyType& type = pickle_.types.at(place);
    for (const std::size_t part : {2, 3}) item(state, part, Kind::none);  // neither arrays inside nor fields
    type.big_endian = item(state, 1, Kind::text).text == ">";
  } else if (built.kind == Kind::array) {
    PickledArray& array = pickle_.arrays.at(place);
    array.extents = extents_of(item(state, 1, Kind::tuple));
    array.type = pickle_.types.at(static_cast<std::size_t>(item(state, 2, Kind::type).integer));
    array.fortran = item(state, 3, Kind::boolean).integer != 0;
    array.values = std::as_bytes(std::span(item(state, 4, Kind::text).text));
    check_size(array);
  } else {
    refuse("it builds an object that is neither an array nor a type");
  }
}

}  // namespace annulus::io
