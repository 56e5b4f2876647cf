// PNG by libpng's own calls: its simplified interface bends values by gamma. Internal to io/pictures.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// Decodes a PNG file of any colour type, depth and interlacing, as ImageDecoder says.
/// @throws DataError when it is damaged, truncated or too large
template <class Value>
ImageOf<Value> decode_png(std::span<const std::byte> file, const DecodeOptions& options,
                          const std::string& place);

}  // namespace annulus::io
