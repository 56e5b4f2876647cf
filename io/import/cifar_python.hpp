// CIFAR-10 and CIFAR-100 as their version for Python has them, which torchvision and Keras keep: pickles of
// dictionaries. Internal to io/import.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/import/pickle.hpp"

namespace annulus::io {

/// The images of one file.
struct CifarPart {
  std::vector<std::int32_t> labels;
  std::vector<std::span<const std::byte>> images;  ///< three planes each, in the file or in what follows
  Pickle pickle = {};
  std::vector<std::byte> reordered = {};  ///< of arrays whose first index runs fastest
};

/// @param contents  a pickled dictionary with `data`, uint8 (N, 3072), and labels; outlives the result
/// @param labels  the key of the labels: a list or an array
/// @throws DataError naming `place`
CifarPart read_pickled_part(std::span<const std::byte> contents, const std::string& place,
                            std::string_view labels);

/// @return the list of text of a key of a pickled dictionary
std::vector<std::string> read_pickled_names(std::span<const std::byte> contents, const std::string& place,
                                            std::string_view key);

}  // namespace annulus::io
