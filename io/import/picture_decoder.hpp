// Decodes pictures on several threads, and on all ranks, and keeps their pixels until their order is known.
// Internal to io/import.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/worker_pool.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/import/archive.hpp"
#include "io/import/decoded_blocks.hpp"
#include "io/import/image_listing.hpp"
#include "io/import/import.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// A picture of the source that has been read.
struct NumberedFile {
  std::uint64_t number = 0;  ///< its place in the source
  SourceFile file;
};

/// Pictures that were left out, as they cannot be decoded. However many there are, few are kept by name.
struct BadPictures {
  std::uint64_t count = 0;
  std::vector<std::string> first;
};

/// The first picture of the source fixes the size. The result does not depend on the number of threads and
/// ranks, or on whether a killed import has decoded some before.
class PictureDecoder {
 public:
  /// Both must outlive it. @throws UsageError for a size that cannot be
  PictureDecoder(const ImportOptions& options, const ImageOptions& images);

  /// Before the first picture. @param source  hash of what the source is and holds
  void begin(std::uint64_t source);
  /// Whether this rank wants to see a picture. Any thread.
  bool needs(std::uint64_t number) const;
  /// @param files  those that are needed, in the order of the source, from one call to the next
  /// @throws DataError for the first picture that cannot be read and is not to be skipped, or has another
  /// size
  void decode(const std::vector<NumberedFile>& files);

  /// When all ranks have decoded theirs: fills in slot, hash and notes of the pictures of the source, takes
  /// out those that are skipped, and lists them in OUTPUT.unreadable.txt with a warning.
  /// @param on_bad  is called with the name of each   @throws RuntimeError when the list cannot be written
  BadPictures finish(ListedImages& listed, const std::function<void(std::string_view name)>& on_bad = {});
  const SampleShape& shape() const { return shape_; }
  /// Of a slot. @pre finish() was called
  void read(std::uint64_t slot, std::span<std::byte> pixels) const { blocks_->read(slot, pixels); }
  /// Hash of all that pixels follow from.
  std::uint64_t key() const { return blocks_->key(); }
  /// What is decoded, once the output is written.
  void remove() { blocks_->remove(); }

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
  void decode_in_block(std::uint64_t block, std::span<const NumberedFile> files);
  PictureFacts decode_one(ImageDecoder& decoder, const NumberedFile& file) const;
  void end_block();

  const ImportOptions& options_;
  const ImageOptions& wanted_;
  WorkerPool pool_;
  std::vector<ImageDecoder> decoders_;
  std::optional<DecodedBlocks> blocks_;
  std::optional<std::uint64_t> block_;  ///< which is being written
  std::optional<BlockWriter> writer_;   ///< to it, once a picture could be read
  std::vector<PictureFacts> facts_;     ///< of it
  std::atomic<bool> has_shape_{false};
  SampleShape shape_;
  std::string first_name_;
};

/// Lines of a file beside the output. @throws RuntimeError when it cannot be written
void write_lines(const std::string& path, const ListedImages& images);

}  // namespace annulus::io
