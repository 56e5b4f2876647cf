// What was done to some pictures of an import that their pixels do not show. Internal to io/import.
#pragma once

#include <string>
#include <vector>

#include "io/import/image_listing.hpp"
#include "io/import/import.hpp"

namespace annulus::io {

struct PictureRemark {
  std::string key;         ///< of the attribute provenance_<key>
  std::string provenance;  ///< its text
  std::string sentence;    ///< for the person who imports: how many, an example, and what else there is
};

/// A remark for each thing that was done to at least one picture. The first one listed is the example.
std::vector<PictureRemark> picture_remarks(const ListedImages& images, const ImageOptions& options);

}  // namespace annulus::io
