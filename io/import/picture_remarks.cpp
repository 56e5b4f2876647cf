// Notes of pictures, counted.
#include "io/import/picture_remarks.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.hpp"

namespace annulus::io {
namespace {

/// How many pictures have a note, and the first of them.
struct Tally {
  std::uint64_t count = 0;
  std::string example;
};

Tally tally(const ListedImages& images, bool PictureNotes::*note) {
  Tally tally;
  for (const ListedImage& image : images)
    if (image.notes.*note && tally.count++ == 0) tally.example = shown_name(image.name);
  return tally;
}

}  // namespace

std::vector<PictureRemark> picture_remarks(const ListedImages& images, const ImageOptions& options) {
  std::vector<PictureRemark> remarks;
  if (const Tally found = tally(images, &PictureNotes::turned); found.count > 0)
    remarks.push_back(
        {"turned", fmt::format("{} images, by EXIF orientation", found.count),
         fmt::format("Turned upright as their EXIF orientation says: {} of {} images, for example {} "
                     "(--orient stored leaves them as they are stored).",
                     found.count, images.size(), found.example)});
  if (const Tally found = tally(images, &PictureNotes::deep);
      found.count > 0 && options.pixels == PixelType::uint8)
    remarks.push_back(
        {"depth", fmt::format("upper 8 of 16 bits in {} images", found.count),
         fmt::format("Images of 16 bits a value: {} of {}, for example {}. Their upper 8 bits are kept "
                     "(--pixels float32 keeps all).",
                     found.count, images.size(), found.example)});
  if (const Tally found = tally(images, &PictureNotes::transparent); found.count > 0) {
    const bool dropped = options.decode.alpha == Alpha::drop;
    const std::string done = dropped ? "dropped" : fmt::format("laid on {}", word_of(options.decode.alpha));
    remarks.push_back(
        {"alpha", fmt::format("{} in {} images", done, found.count),
         fmt::format("Images with transparent pixels: {} of {}, for example {}. They are {}{}.", found.count,
                     images.size(), found.example, dropped ? "taken as if they were opaque" : done,
                     dropped ? " (--alpha black or --alpha white lays them on a ground)" : "")});
  }
  if (const Tally found = tally(images, &PictureNotes::cmyk); found.count > 0)
    remarks.push_back(
        {"cmyk", fmt::format("{} images, without their colour profiles", found.count),
         fmt::format("CMYK images, made for printing: {} of {}, for example {}. They became RGB without "
                     "their colour profiles.",
                     found.count, images.size(), found.example)});
  return remarks;
}

}  // namespace annulus::io
