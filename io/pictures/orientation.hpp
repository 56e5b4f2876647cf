// Which way up a picture is: the EXIF tag of cameras, and turning by it. Internal to io/pictures.
#pragma once

#include <cstddef>
#include <span>

#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// EXIF 2.32, 4.6.5 tag 274: where row 0 and column 0 of the stored pixels lie. 1 is upright; 2 mirrored left
/// to right; 3 upside down; 4 mirrored top to bottom; 5 transposed; 6 to be turned clockwise; 7 transposed
/// about the other diagonal; 8 to be turned counter-clockwise.
constexpr int kUpright = 1;

/// The orientation in a block of EXIF (a TIFF header and its first directory); kUpright when there is none,
/// or nonsense.
int exif_orientation(std::span<const std::byte> exif);

/// The same of a JPEG file: from the first APP1 segment of EXIF before the picture begins.
int jpeg_orientation(std::span<const std::byte> file);

/// The picture as it is to be looked at. Notes `turned` unless it was upright.
template <class Value>
ImageOf<Value> upright(ImageOf<Value> stored, int orientation);

}  // namespace annulus::io
