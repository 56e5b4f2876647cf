// Pickles as Python and NumPy write them, operation by operation, for the tests.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace annulus::io::pickled {

using namespace std::string_literals;

inline std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

/// What differs between writers: Python 2 (protocol 2), Python 3 for Python 2, and of its own.
enum class Writer { python2, python3_for_2, protocol4, protocol5 };

inline std::string text(Writer writer, std::string_view words) {
  if (writer == Writer::python2) return "U" + little_endian(words.size(), 1) + std::string(words);
  if (writer == Writer::python3_for_2) return "X" + little_endian(words.size(), 4) + std::string(words);
  return "\x8c" + little_endian(words.size(), 1) + std::string(words) + "\x94";
}

inline std::string number(std::uint64_t value) {
  if (value < 256) return "K" + little_endian(value, 1);
  return value < 65536 ? "M" + little_endian(value, 2) : "J" + little_endian(value, 4);
}

inline std::string function(Writer writer, const std::string& module, const std::string& name) {
  if (writer == Writer::python2 || writer == Writer::python3_for_2) return "c" + module + "\n" + name + "\n";
  return text(writer, module) + text(writer, name) + "\x93\x94";
}

/// Bytes of an array.
inline std::string bytes(Writer writer, std::string_view values) {
  const std::string size = little_endian(values.size(), 4);
  if (writer == Writer::python2) return "T" + size + std::string(values);
  if (writer == Writer::protocol4) return "B" + size + std::string(values) + "\x94";
  if (writer == Writer::protocol5)
    return "\x96" + little_endian(values.size(), 8) + std::string(values) + "\x94";
  std::string letters;
  for (const char value : values) {
    const auto letter = static_cast<unsigned char>(value);
    if (letter >= 0x80) letters += letter < 0xc0 ? '\xc2' : '\xc3';
    letters += letter < 0x80 ? value : static_cast<char>(0x80 | (letter & 0x3f));
  }
  return function(writer, "_codecs", "encode") + "X" + little_endian(letters.size(), 4) + letters +
         text(writer, "latin1") + "\x86R";
}

inline std::string tuple(const std::vector<std::size_t>& extents) {
  std::string text = "(";
  for (const std::size_t extent : extents) text += number(extent);
  return text + "t";
}

inline std::string type(Writer writer, const std::string& word) {
  const std::string order = word.ends_with('1') ? "|" : "<";
  const bool byte = order == "|";
  return function(writer, "numpy", "dtype") + text(writer, word) + (byte ? "K\0K\1"s : "\x89\x88"s) +
         "\x87R(K\3" + text(writer, order) + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + std::string(1, '\0') +
         "tb";
}

inline std::string array(Writer writer, const std::vector<std::size_t>& extents, const std::string& word,
                         const std::string& values, bool fortran = false) {
  const std::string module =
      writer == Writer::protocol4 || writer == Writer::protocol5 ? "numpy._core." : "numpy.core.";
  if (writer == Writer::protocol5)
    return function(writer, module + "numeric", "_frombuffer") + "(" + bytes(writer, values) +
           type(writer, word) + tuple(extents) + text(writer, fortran ? "F" : "C") + "tR\x94";
  return function(writer, module + "multiarray", "_reconstruct") + function(writer, "numpy", "ndarray") +
         "K" + std::string(1, '\0') + "\x85" + bytes(writer, "b") + "\x87R(K\1" + tuple(extents) +
         type(writer, word) + (fortran ? "\x88" : "\x89") + bytes(writer, values) + "tb";
}

inline std::string list(const std::vector<std::string>& items) {
  std::string text = "](";
  for (const std::string& item : items) text += item;
  return text + "e";
}

/// A whole pickle: a dictionary. @param entries  keys and values, in turn
inline std::string dictionary(Writer writer, const std::vector<std::string>& entries) {
  std::string text = writer == Writer::protocol4   ? "\x80\x04"
                     : writer == Writer::protocol5 ? "\x80\x05"
                                                   : "\x80\x02";
  if (writer == Writer::protocol4 || writer == Writer::protocol5) text += "\x95" + little_endian(0, 8);
  text += "}(";
  for (const std::string& entry : entries) text += entry;
  return text + "u.";
}

}  // namespace annulus::io::pickled
