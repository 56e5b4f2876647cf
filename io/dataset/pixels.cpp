// See pixels.hpp.
#include "io/dataset/pixels.hpp"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace annulus::io {
namespace {

/// Numbers of one stored type on their way to float32.
template <class Stored>
void convert(const Hdf5Dataset& dataset, std::uint64_t first, std::uint64_t count, std::span<float> values,
             Inexact inexact) {
  std::vector<Stored> stored(values.size());
  dataset.read_rows(first, count, std::span<Stored>(stored));
  std::transform(stored.begin(), stored.end(), values.begin(),
                 [](Stored value) { return static_cast<float>(value); });
  if (inexact == Inexact::round || std::is_floating_point_v<Stored>) return;
  // As doubles, which hold what float32 made of a number, and whose differences show: 2^24 + 1 comes back
  // even.
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto back = static_cast<long double>(values[i]);  // of x86: 64 bits of mantissa
    if (back == static_cast<long double>(stored[i])) continue;
    throw DataError(
        "{}: row {} holds the pixel {}, which float32 cannot hold exactly (whole numbers up to 16777216 it can). Scale the images first, and write them as float32.",
        dataset.place(), first + i / dataset.row_size(), stored[i]);
  }
}

}  // namespace

PixelType pixel_type(const DatasetInfo& images, const std::string& file, const std::string& name) {
  const StoredType& type = images.type;
  if (type.kind == StoredType::Kind::unsigned_integer && type.bytes == 1) return PixelType::uint8;
  if (type.kind == StoredType::Kind::real || type.is_integer()) return PixelType::float32;
  throw DataError(
      "{}, {}: holds {} values, but pixels are numbers. Is this the right dataset? Compressed pictures (JPEG, PNG) become pixels with `annulus data import images`, from their files.",
      file, name, to_string(type));
}

bool is_stored_so(const StoredType& stored, PixelType pixels) {
  return pixels == PixelType::uint8 ||
         (stored.kind == StoredType::Kind::real && stored.bytes == sizeof(float));
}

void read_floats(const Hdf5Dataset& dataset, std::uint64_t first, std::uint64_t count,
                 std::span<float> values, Inexact inexact) {
  const StoredType& type = dataset.info().type;
  if (type.kind == StoredType::Kind::real && type.bytes <= sizeof(float))
    return dataset.read_rows(first, count, values);
  if (!type.is_integer()) return convert<double>(dataset, first, count, values, inexact);
  const bool is_signed = type.kind == StoredType::Kind::signed_integer;
  if (type.bytes < sizeof(std::int32_t) || (is_signed && type.bytes == sizeof(std::int32_t)))
    return convert<std::int32_t>(dataset, first, count, values, inexact);
  if (is_signed || type.bytes < sizeof(std::uint64_t))
    return convert<std::int64_t>(dataset, first, count, values, inexact);
  convert<std::uint64_t>(dataset, first, count, values, inexact);
}

}  // namespace annulus::io
