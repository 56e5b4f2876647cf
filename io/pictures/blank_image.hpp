// What the readers of both formats share: room for an image whose size has been checked, and their message.
// Internal to io/pictures.
#pragma once

#include <string>

#include "base/error.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

[[noreturn]] inline void throw_damaged_picture(const std::string& place, const std::string& reason) {
  throw DataError("{}: cannot be decoded ({}). The image is damaged or truncated; replace or remove it.",
                  place, reason);
}

/// @throws DataError for sizes of 0, and above 64 million pixels
template <class Value>
ImageOf<Value> blank_image(std::int64_t height, std::int64_t width, Colour colour, const std::string& place) {
  constexpr std::int64_t kMostPixels = std::int64_t{64} << 20;
  if (height < 1 || width < 1) throw_damaged_picture(place, "the image has no size");
  if (height > kMostPixels / width)
    throw DataError("{}: claims {} x {} pixels, more than the {} million an image may have.", place, height,
                    width, kMostPixels >> 20);
  ImageOf<Value> image{height, width, colour == Colour::rgb ? 3 : 1, {}};
  image.pixels.resize(static_cast<std::size_t>(height * width * image.channels));
  return image;
}

}  // namespace annulus::io
