// Picture files as samples without labels: each is decoded when it is asked for.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

struct PictureSourceOptions {
  std::string name;                ///< for messages: what the user has called the pictures
  std::vector<std::string> files;  ///< paths, in the order of the samples
  SampleShape shape;               ///< of all samples; of one channel, pictures become grey
  std::optional<Fit> fit;          ///< how pictures of another size come to it; nothing: they are refused
  int threads = 1;                 ///< that decode
};

/// uint8 samples, values as they are in the files, upright, transparency dropped. All labels read as 0.
/// @throws DataError when read, for a file that is missing, no picture, damaged, or of another size
/// @pre shape has 1 or 3 channels, and there is a file
std::unique_ptr<SampleSource> make_picture_source(PictureSourceOptions options);

}  // namespace annulus::io
