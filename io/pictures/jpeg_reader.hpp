// JPEG by turbojpeg. Internal to io/pictures.
#pragma once

#include <turbojpeg.h>

#include <cstddef>
#include <span>
#include <string>

#include "base/unique_handle.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

struct JpegTraits {
  using type = tjhandle;
  static constexpr type null = nullptr;
  static void close(type handle) noexcept { tjDestroy(handle); }
};
using JpegHandle = UniqueHandle<JpegTraits>;

/// Decodes a JPEG file as ImageDecoder says. @throws DataError when it is damaged, truncated, too large, or
/// of a kind that libjpeg-turbo does not read
Image decode_jpeg(tjhandle handle, std::span<const std::byte> file, const DecodeOptions& options,
                  const std::string& place);

}  // namespace annulus::io
