// From the samples of a file to the pixels that were asked for, in plain arithmetic on the stored values: no
// gamma. Internal to io/pictures.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// Rec. 601 luma in units of 1/65536, as libjpeg and Pillow have it.
constexpr std::uint32_t kRedWeight = 19595, kGreenWeight = 38470, kBlueWeight = 7471;

/// One value of a file in pixel units.
template <class Value, class Sample>
constexpr Value pixel_of(Sample sample) {
  constexpr bool kDeep = sizeof(Sample) == 2;
  if constexpr (std::is_same_v<Value, float>)
    return kDeep ? static_cast<float>(sample) / 257.0f : static_cast<float>(sample);
  else
    return static_cast<Value>(kDeep ? sample >> 8 : sample);
}

constexpr std::uint8_t grey_of(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  return static_cast<std::uint8_t>((kRedWeight * red + kGreenWeight * green + kBlueWeight * blue + 0x8000) >>
                                   16);
}
constexpr float grey_of(float red, float green, float blue) {
  return static_cast<float>(
      (double{kRedWeight} * red + double{kGreenWeight} * green + double{kBlueWeight} * blue) / 65536.0);
}

/// `value` laid on `ground`, as Pillow's paste with a mask does: rounded to the nearest.
constexpr std::uint8_t laid_on(std::uint8_t ground, std::uint8_t value, std::uint8_t alpha) {
  return static_cast<std::uint8_t>((2 * (ground * (255 - alpha) + value * alpha) + 255) / 510);
}
constexpr float laid_on(float ground, float value, float alpha) {
  return (ground * (255.0f - alpha) + value * alpha) / 255.0f;
}

/// Converts consecutive pixels. @param samples  1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) a pixel
/// @param pixels  1 or 3 a pixel, as options.colour says   @return whether a pixel was not wholly opaque
template <class Value, class Sample>
bool convert_pixels(std::span<const Sample> samples, std::size_t channels, const DecodeOptions& options,
                    Value* pixels) {
  const bool coloured = channels >= 3;
  const bool has_alpha = channels % 2 == 0;
  const Value ground = options.alpha == Alpha::white ? Value{255} : Value{0};
  bool transparent = false;
  for (std::size_t at = 0; at < samples.size(); at += channels) {
    Value red = pixel_of<Value>(samples[at]);
    Value green = coloured ? pixel_of<Value>(samples[at + 1]) : red;
    Value blue = coloured ? pixel_of<Value>(samples[at + 2]) : red;
    if (has_alpha && samples[at + channels - 1] != std::numeric_limits<Sample>::max()) {
      transparent = true;
      const Value alpha = pixel_of<Value>(samples[at + channels - 1]);
      if (options.alpha != Alpha::drop) {
        red = laid_on(ground, red, alpha);
        green = laid_on(ground, green, alpha);
        blue = laid_on(ground, blue, alpha);
      }
    }
    if (options.colour == Colour::grey) {
      *pixels++ = coloured ? grey_of(red, green, blue) : red;
    } else {
      *pixels++ = red;
      *pixels++ = green;
      *pixels++ = blue;
    }
  }
  return transparent;
}

}  // namespace annulus::io
