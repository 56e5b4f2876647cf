// Which split and class an image belongs to, from the folders in its name; and in which order the images are
// stored. Internal to io/import.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/import/import.hpp"
#include "io/import/left_out.hpp"

namespace annulus::io {

/// One decoded image of the source.
struct ListedImage {
  std::string name;   ///< path inside the source
  std::string split;  ///< "train", "validation", "test"; "" when the source has no such folders
  std::string class_name;
  std::uint64_t slot = 0;  ///< where its pixels are kept
  std::uint64_t hash = 0;  ///< of the file
  PictureNotes notes = {};
};

/// The images of one split in the order in which they are stored.
struct ListedSplit {
  std::string name;
  std::vector<std::uint64_t> slots;
  std::vector<std::int32_t> labels;
};

struct ImageListing {
  std::vector<std::string> classes;
  std::vector<ListedSplit> splits;
  std::uint64_t hash = 0;           ///< of all names and contents, whatever their order or packaging
  std::vector<std::string> doubts;  ///< sentences about what may not be meant so
};

/// Understands PREFIX/[train|validation|test]/CLASS/FILE. Also val, valid, training, testing.
/// @throws DataError when there is no class folder
ListedImage place_image(const std::string& source, const std::string& name);

/// Sorts and deals out.
/// @param left_out  what else the source holds: folders without pictures are found in it
/// @throws DataError when the images do not share one layout, a name comes twice, a class has no training
/// images, there is only one class, or a class folder is empty and is not to be kept
ImageListing list_images(const std::string& source, std::vector<ListedImage> images, const LeftOut& left_out,
                         EmptyClasses empty_classes);

}  // namespace annulus::io
