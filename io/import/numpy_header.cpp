// The header of a .npy file: a dictionary of three keys, written as Python writes it.
#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "io/import/numpy_array.hpp"

namespace annulus::io {
namespace {

/// Reads the text of a header from its beginning.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& place) : text_(text), place_(place) {}

  NumpyHeader parse() {
    NumpyHeader header;
    int found = 0;
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr")
        header.type = parse_numpy_type(type(), place_);
      else if (key == "fortran_order")
        header.fortran = truth();
      else if (key == "shape")
        header.extents = extents();
      else
        damaged(quoted_name(key) + " is not a key of it");
      ++found;
      if (!take(',') && text_.substr(at_, 1) != "}") damaged("a comma is missing");
    }
    if (found != 3) damaged("it has not the three keys descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    throw DataError(
        "{}: the header of the array is not one ({}). The file is damaged; make it again with np.save.",
        place_, what);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char letter) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != letter) return false;
    ++at_;
    skip_spaces();
    return true;
  }
  void expect(char letter) {
    if (!take(letter)) damaged(fmt::format("'{}' is missing at letter {}", letter, at_));
  }
  std::string_view quoted() {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const std::size_t end =
        quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
    if (end == std::string_view::npos) damaged(fmt::format("text is missing at letter {}", at_));
    const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    skip_spaces();
    return inside;
  }
  std::string_view type() {
    skip_spaces();
    if (text_.substr(at_, 1) == "[")
      throw DataError(
          "{}: holds structures of several fields, but an array of plain numbers is imported. Save the field by itself: np.save(\"images.npy\", array[\"images\"]).",
          place_);
    return quoted();
  }
  bool truth() {
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return value;
    }
    damaged("fortran_order is neither True nor False");
  }
  Extents extents() {
    constexpr std::size_t kMostAxes = 32;
    Extents extents;
    expect('(');
    while (!take(')')) {
      std::int64_t extent = -1;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0 || extents.size() >= kMostAxes) damaged("its shape is not one");
      at_ = static_cast<std::size_t>(end - text_.data());
      extents.push_back(extent);
      take('L');  // as Python 2 wrote long numbers
      if (!take(',') && text_.substr(at_, 1) != ")") damaged("its shape is not one");
    }
    return extents;
  }

  std::string_view text_;
  const std::string& place_;
  std::size_t at_ = 0;
};

std::uint64_t bytes_of(const NumpyHeader& header, const std::string& place) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t bytes = header.type.bytes;
  for (const std::int64_t extent : header.extents)
    if (extent == 0) return 0;
  for (const std::int64_t extent : header.extents) {
    if (bytes > kMost / static_cast<std::uint64_t>(extent))
      throw DataError("{}: its header claims more values than any file holds. It is damaged; make it again.",
                      place);
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return bytes;
}

}  // namespace

NumpyHeader parse_numpy_header(std::span<const std::byte> beginning, const std::string& place) {
  const std::string_view text(reinterpret_cast<const char*>(beginning.data()), beginning.size());
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (!text.starts_with(kMagic) || text.size() < 12)
    throw DataError(
        "{}: is not an array of NumPy: it does not begin with \\x93NUMPY. Is it another kind of file?",
        place);
  const int version = static_cast<unsigned char>(text[6]);
  if (version < 1 || version > 3)
    throw DataError("{}: is of the .npy format {}, but 1 to 3 are read. Save it again with np.save.", place,
                    version);
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < length_bytes; ++i)
    length |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[8 + i])) << 8 * i;
  const std::uint64_t begin = 8 + length_bytes;
  if (begin + length > text.size())
    throw DataError("{}: ends within its header, or has one of {} bytes. It is damaged; make it again.",
                    place, length);
  NumpyHeader header = HeaderText(text.substr(begin, length), place).parse();
  header.header_bytes = begin + length;
  header.value_bytes = bytes_of(header, place);
  return header;
}

}  // namespace annulus::io
