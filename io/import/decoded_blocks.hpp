// Decoded pictures in files of a folder OUTPUT.decoded, until their order is known: memory stays small
// however many there are, several processes share the work, and a killed import goes on. Internal to
// io/import.
//
// A block holds 1024 pictures in the order of the source. Block b belongs to rank b % W. Its file is renamed
// when it is complete, has the key of source and options in its name, and a checksum at its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/shape.hpp"
#include "io/files/descriptor.hpp"
#include "io/import/import.hpp"

namespace annulus::io {

/// What is known of a picture beside its pixels.
struct PictureFacts {
  std::uint64_t hash = 0;  ///< of its file
  PictureNotes notes = {};
  std::string unreadable = {};  ///< why it has no pixels; "" for one that has
};

inline constexpr std::uint64_t kPicturesPerBlock = 1024;

/// A block in the making. Different threads may write different pictures at the same time.
class BlockWriter {
 public:
  BlockWriter(std::string path, std::size_t picture_bytes);
  void write(std::uint64_t place, std::span<const std::byte> pixels) const;
  /// Gives the file its name. @param facts  of all pictures of the block
  void finish(const std::vector<PictureFacts>& facts);

 private:
  std::string path_;
  std::size_t picture_bytes_;
  Descriptor file_;
};

/// The blocks of one import, for all its ranks.
class DecodedBlocks {
 public:
  /// Makes the folder, or takes what a killed import left there: blocks of another key are removed, those of
  /// this rank are compared with their checksums. All ranks call it.
  /// @param key  of source and options   @throws UsageError when another process imports to the same output
  DecodedBlocks(const ImportOptions& options, std::uint64_t key);
  /// Without remove(), blocks that took long to decode stay for the next attempt.
  ~DecodedBlocks();
  DecodedBlocks(const DecodedBlocks&) = delete;
  DecodedBlocks& operator=(const DecodedBlocks&) = delete;

  std::uint64_t key() const { return key_; }
  /// Whether this rank has to decode a block. Any thread.
  bool lacks(std::uint64_t block) const;
  BlockWriter begin(std::uint64_t block, std::size_t picture_bytes) const;

  // When all ranks have written theirs:
  std::vector<PictureFacts> facts(std::uint64_t block) const;
  /// Pixels of a picture of the source, counted from 0.
  void read(std::uint64_t picture, std::span<std::byte> pixels) const;
  /// The output is complete: nothing of this is needed any more. On the first rank, when no other reads.
  void remove();

 private:
  void lead();
  std::string path(std::uint64_t block) const;
  int open_block(std::uint64_t block) const;

  std::string folder_;
  std::uint64_t key_;
  ImportRanks ranks_;
  std::vector<bool> whole_;  ///< of this rank, from before
  Descriptor lock_ = {};     ///< of the first rank
  mutable std::vector<Descriptor> open_;
  mutable std::size_t opened_ = 0;
};

}  // namespace annulus::io
