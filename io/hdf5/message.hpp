// What a rank and the process that reads HDF5 for it say to each other: numbers of 8 bytes and texts, each
// taken back only as far as the message reaches. Internal to io/hdf5.
//
//   rank (Hdf5Process)                           child (serve_hdf5)
//     request  [bytes][file][Hdf5Request][parts]  -->    asks the library, at most kReaderTime of computing
//     answer   [bytes][Hdf5Answer][result]        <--    or, after another Hdf5Answer, [text]
//
// [file] is 0 for the file that the child was started with. Another one comes as a descriptor beside the
// request that introduces it (introduce, survey), under a number that the rank chooses.
//
// [x] is a whole number of 8 bytes in the machine's order (both ends are one program on one machine); a text,
// or a list, is its length and then its parts. One request is under way at a time and every request has one
// answer, so messages need no numbers. Rows do not come this way: the request names a window of shared
// memory, and the answer says that they lie in it.
//
// The child has run foreign bytes through a library with known holes, so it counts as taken over: the rank
// believes no length and no enumerator before it has checked it. Whoever adds a request takes its answer
// apart with MessageReader alone.
#pragma once

#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "io/files/descriptor.hpp"
#include "io/hdf5/types.hpp"

namespace annulus::io {

/// Requests, with their parts and what the answer holds. Attributes are named by object and name.
enum class Hdf5Request : std::uint64_t {
  open,             ///< -> true: the library has opened the file
  exists,           ///< name -> bool
  leads_elsewhere,  ///< name -> bool
  is_dataset,       ///< name -> bool
  members,          ///< group -> names
  describe,         ///< dataset -> DatasetInfo
  /// dataset, type, threads, id and size of the window, firsts, counts -> bytes of the file: they are in it,
  /// one piece after another
  rows,
  has_attribute,  ///< object, name -> bool
  attributes,     ///< object -> names
  strings,        ///< object, name -> texts
  number,         ///< object, name, type -> the 8 bytes of the number
  texts,          ///< dataset -> texts
  touch,          ///< -> true: everything in the file was looked at
  /// dataset, type -> its values as bytes, where they are few (kMostInline)
  values,
  introduce,  ///< path -> true; the file's descriptor comes along, and later requests are about it
  /// path, keep, requests -> an answer to each of them, as if they came one by one; the descriptor comes
  /// along
  survey,
  forget,  ///< -> true: no more requests come about this file
};
constexpr std::uint64_t kMostInline = std::uint64_t{1} << 18;

constexpr std::uint64_t kMostAnswer = std::uint64_t{1} << 28;  ///< names and attributes; rows go another way

/// How a request ended; what follows is its result, or a text.
enum class Hdf5Answer : std::uint64_t { result, data_error, other_error, no_memory };

class MessageWriter {
 public:
  template <class Whole>
  requires(std::is_integral_v<Whole> || std::is_enum_v<Whole>) void put(Whole value) {
    const auto wide = static_cast<std::uint64_t>(value);
    bytes_.append(reinterpret_cast<const char*>(&wide), sizeof wide);
  }
  void put(std::string_view text) {
    put(text.size());
    bytes_.append(text);
  }
  template <class Value>
  void put(const std::vector<Value>& values) {
    put(values.size());
    for (const Value& value : values) put(value);
  }
  void put(const DatasetInfo& info) {
    put(info.extents);
    put(info.type.kind);
    put(info.type.bytes);
    put(info.type.is_bool);
    put(info.chunk);
    put(info.filters);
    put(info.stored_bytes);
    put(info.stored_chunks.has_value());
    put(info.stored_chunks.value_or(0));
    put(info.plain_at.has_value());
    put(info.plain_at.value_or(0));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Takes apart what a MessageWriter has put together. @throws DataError when the message is something else
class MessageReader {
 public:
  explicit MessageReader(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class Value>
  Value take() {
    if constexpr (std::is_same_v<Value, bool>) {
      return whole(1) != 0;
    } else if constexpr (std::is_integral_v<Value>) {
      return static_cast<Value>(whole(static_cast<std::uint64_t>(std::numeric_limits<Value>::max())));
    } else if constexpr (std::is_same_v<Value, std::string>) {
      const std::uint64_t size = whole(bytes_.size() - at_);
      check(size <= bytes_.size() - at_);
      at_ += size;
      return bytes_.substr(at_ - size, size);
    } else if constexpr (std::is_same_v<Value, DatasetInfo>) {
      return take_info();
    } else {
      return take_list<typename Value::value_type>();
    }
  }
  /// One of the values up to `last`.
  template <class Enum>
  Enum take_enum(Enum last) {
    return static_cast<Enum>(whole(static_cast<std::uint64_t>(last)));
  }
  void expect_end() const { check(at_ == bytes_.size()); }

 private:
  static void check(bool holds) {
    if (!holds) throw DataError("the process that reads an HDF5 file answered nonsense.");
  }

  std::uint64_t whole(std::uint64_t most);

  template <class Value>
  std::vector<Value> take_list() {
    const std::uint64_t count = whole((bytes_.size() - at_) / sizeof(std::uint64_t));  // each takes as much
    std::vector<Value> values;
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(take<Value>());
    return values;
  }

  DatasetInfo take_info();

  std::string bytes_;
  std::size_t at_ = 0;
};

/// Over a stream socket. @return false when the other side is gone
/// @param descriptor  of an open file that goes along; -1: none
bool send_all(int socket, std::string_view bytes, int descriptor = -1);
bool receive_all(int socket, std::span<char> bytes);
/// @param descriptor  becomes the open file that came along, if there is one
bool receive_all(int socket, std::span<char> bytes, Descriptor& descriptor);

}  // namespace annulus::io
