// Which split and class an image belongs to, from the folders in its name; and in which order the images are
// stored. Internal to io/import.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "io/import/class_lists.hpp"
#include "io/import/import.hpp"
#include "io/import/left_out.hpp"

namespace annulus::io {

/// One image of the source. Texts are views of its name, of a list of classes or of a NameArena: there may be
/// millions.
struct ListedImage {
  std::string_view name;   ///< path inside the source
  std::string_view split;  ///< "train", "validation", "test"; "" when the source has no such folders
  std::string_view class_name;
  std::int32_t prefix_parts = 0;  ///< how many folders stand before split and class
  PictureNotes notes = {};
  std::uint64_t slot = 0;  ///< where its pixels are kept: its place in the source
  std::uint64_t hash = 0;  ///< of the file
};
/// Grows without a copy of all.
using ListedImages = std::deque<ListedImage>;

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

/// Understands PREFIX/[train|validation|test]/CLASS/FILE. Also val, valid, training, testing, in any
/// capitals.
/// @param name  outlives the result   @throws DataError when there is no class folder
ListedImage place_image(const std::string& source, std::string_view name);

/// How classes are found and numbered.
struct ListingRules {
  EmptyClasses empty_classes = EmptyClasses::refuse;
  std::vector<Synset> synsets = {};  ///< in this order; none: all folders, sorted
  const Annotations* annotations = nullptr;
};

/// Sorts and deals out.
/// @param left_out  what else the source holds: folders without pictures are found in it
/// Where all pictures lie in folders called images, the class is the folder above: train/CLASS/images/FILE.
/// @throws DataError when the images do not share one layout, a name comes twice, a class has no training
/// images or is not among the synsets, there is only one class, or a class folder is empty and is not to be
/// kept
ImageListing list_images(const std::string& source, ListedImages images, const LeftOut& left_out,
                         const ListingRules& rules);

/// All of them as one split without classes, in order of their names, which are left in `images`.
ImageListing list_unlabelled(const std::string& source, ListedImages& images, const LeftOut& left_out);

}  // namespace annulus::io
