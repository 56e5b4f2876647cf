// Decodes pictures on several threads and keeps their pixels until their order is known. Internal to
// io/import.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/worker_pool.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/import/archive.hpp"
#include "io/import/image_listing.hpp"
#include "io/import/import.hpp"
#include "io/import/pixel_spill.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// A picture that cannot be decoded, and why.
struct BadPicture {
  std::string name;
  std::string reason;
};

/// The first picture fixes the size. The result does not depend on the number of threads.
class PictureDecoder {
 public:
  /// Both must outlive it. @throws UsageError for a size that cannot be
  PictureDecoder(const ImportOptions& options, const ImageOptions& images);

  /// Decodes pictures into slots, which count on.
  /// @param listed  one for each file, where it belongs; slot, hash and notes are filled in
  /// @throws DataError for the first picture that cannot be read and is not to be skipped, or has another
  /// size
  void decode(const std::vector<SourceFile>& files, std::vector<ListedImage> listed);

  /// In order, without those that are skipped.
  std::vector<ListedImage> take_images() { return std::move(images_); }
  const std::vector<BadPicture>& bad() const { return bad_; }
  const SampleShape& shape() const { return shape_; }
  /// @pre a picture was decoded
  const PixelSpill& spill() const { return *spill_; }

 private:
  /// A picture as it will be stored.
  struct Stored {
    SampleShape shape;
    std::vector<std::byte> pixels;
    PictureNotes notes;
  };
  template <class Value>
  Stored stored(ImageOf<Value> image) const;
  Stored decoded(ImageDecoder& decoder, const SourceFile& file) const;
  std::string decode_to(Stored& picture, ImageDecoder& decoder, const SourceFile& file) const;
  void fix_size(const SourceFile& file);
  std::string decode_one(ImageDecoder& decoder, const SourceFile& file, ListedImage& listed) const;

  const ImportOptions& options_;
  const ImageOptions& wanted_;
  WorkerPool pool_;
  std::vector<ImageDecoder> decoders_;
  std::vector<ListedImage> images_;
  std::vector<BadPicture> bad_;
  std::uint64_t slots_ = 0;
  SampleShape shape_;
  std::string first_name_;
  std::optional<PixelSpill> spill_;
};

/// Lines of a file beside the output. @throws RuntimeError when it cannot be written
void write_lines(const std::string& path, const std::vector<std::string>& lines);

/// Warns of pictures that were skipped and lists them in OUTPUT.unreadable.txt. Nothing when there are none.
/// @param read  how many pictures were not skipped
void report_bad(const std::vector<BadPicture>& bad, const std::string& output, std::size_t read);

}  // namespace annulus::io
