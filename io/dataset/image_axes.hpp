// The orders in which a file may hold the axes of images; what is done about them: axes.hpp.
#pragma once

#include <array>

#include "base/enum_words.hpp"

namespace annulus::io {

/// N is the image, H the row, W the column, C the channel; the last one varies fastest. `automatic` reads
/// (N, H, W, C) and (N, H, W). With N last, images lie one beside the other, and reading any of them goes
/// through the whole dataset.
enum class ImageAxes {
  automatic,
  nhwc,
  nhcw,
  nwhc,
  nwch,
  nchw,
  ncwh,
  nhw,
  nwh,
  hwcn,
  whcn,
  hcwn,
  wchn,
  chwn,
  cwhn,
  hwn,
  whn
};

}  // namespace annulus::io

template <>
struct annulus::EnumWords<annulus::io::ImageAxes> {
  static constexpr std::array kWords{"auto", "NHWC", "NHCW", "NWHC", "NWCH", "NCHW", "NCWH", "NHW", "NWH",
                                     "HWCN", "WHCN", "HCWN", "WCHN", "CHWN", "CWHN", "HWN",  "WHN"};
};
