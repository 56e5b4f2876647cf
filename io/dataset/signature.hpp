// What the numbers of a dataset mean: which class a label is, which column of a vector is which, on which
// scale pixels are. A checkpoint keeps it of the data that its model was trained on, and other data are
// compared with it by name (matched_source.hpp), pixels by their range.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_words.hpp"
#include "io/dataset/sample_source.hpp"

namespace annulus::io {

/// Pixels as they are stored, and what some images hold.
struct PixelFacts {
  PixelType type = PixelType::uint8;
  bool measured = false;  ///< whether the next four are known: those of endless sources are not
  double smallest = 0;
  double largest = 0;
  double mean = 0;
  double deviation = 0;
  double rescale = 1;  ///< by which a network is given them multiplied
  bool operator==(const PixelFacts&) const = default;
};

/// The "vector" that flat samples are themselves. No input of a network can be called so.
inline constexpr const char* kFlatSamples = "data.images";

/// Names of the columns of a vector beside the image, or of flat samples (kFlatSamples); none where the data
/// do not say.
struct VectorNames {
  std::string vector;
  std::vector<std::string> columns;
  bool operator==(const VectorNames&) const = default;
};

struct DataSignature {
  std::vector<std::string> classes;  ///< index = label; none: the data name none, a label is just a number
  std::vector<VectorNames> vectors;  ///< in the order of the inputs; that of flat samples last, if any
  PixelFacts pixels;
  std::string form = {};  ///< SourceInfo::form; empty: not known
  bool operator==(const DataSignature&) const = default;
};

/// All but what reading would tell. @param rescale  see PixelFacts
DataSignature signature_of(const SourceInfo& info, double rescale);

/// Names of the values of flat samples; none where they are not known.
std::vector<std::string> value_names(const DataSignature& signature);

/// Images that are looked at: at even distances, the first and the last among them.
constexpr std::uint64_t kMeasuredImages = 16;

/// Type, range, mean and deviation over the values of kMeasuredImages images, those aside that are not
/// finite. Reads nothing of an endless source. @throws DataError as reading does
PixelFacts measure_pixels(SampleSource& source, double rescale);

/// How one set of pixels looks to a network that was trained on another.
enum class PixelScale {
  same,      ///< or not to be told
  doubtful,  ///< could be: much darker, or one has negative values and the other none
  other,     ///< differs by a factor that no picture explains, such as 255
};
PixelScale compare_pixels(const PixelFacts& trained, const PixelFacts& given);

/// Names in one text, each ended by a zero byte (no HDF5 text holds one), and the way back. Any other bytes
/// are kept, UTF-8 or not.
std::string joined_names(const std::vector<std::string>& names);
std::vector<std::string> split_names(std::string_view text);

}  // namespace annulus::io

template <>
struct annulus::EnumWords<annulus::io::PixelType> {
  static constexpr std::array kWords{"uint8", "float32"};
};
