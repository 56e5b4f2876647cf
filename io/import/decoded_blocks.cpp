// A file: pixels at equal distances, then the facts of each picture, then a tail with the checksum of all
// before it.
#include "io/import/decoded_blocks.hpp"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files/durable_file.hpp"
#include "io/files/life_lock.hpp"
#include "io/files/unnamed_file.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLock = "lock";

struct Tail {
  std::uint64_t pictures = 0;
  std::uint64_t picture_bytes = 0;
  std::uint64_t facts_at = 0;  ///< where they begin
  std::uint64_t checksum = 0;  ///< of everything before the tail
};

/// A picture's facts without its text, which follows.
struct StoredFacts {
  std::uint64_t hash = 0;
  std::uint32_t notes = 0;
  std::uint32_t text_bytes = 0;
};

std::uint32_t bits_of(const PictureNotes& notes) {
  return (notes.turned ? 1U : 0U) | (notes.deep ? 2U : 0U) | (notes.transparent ? 4U : 0U) |
         (notes.cmyk ? 8U : 0U);
}

PictureNotes notes_of(std::uint32_t bits) {
  return {.turned = (bits & 1U) != 0,
          .deep = (bits & 2U) != 0,
          .transparent = (bits & 4U) != 0,
          .cmyk = (bits & 8U) != 0};
}

template <class Value>
std::span<const std::byte> bytes_of(const Value& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::optional<Tail> read_tail(int file, std::uint64_t size) {
  Tail tail;
  if (size < sizeof tail) return std::nullopt;
  if (!read_at(file, size - sizeof tail, std::as_writable_bytes(std::span(&tail, 1))).empty())
    return std::nullopt;
  if (tail.facts_at > size - sizeof tail || tail.pictures > kPicturesPerBlock) return std::nullopt;
  return tail;
}

/// Whether all of a file is as it was written.
bool is_whole_file(const std::string& path) {
  std::error_code missing;
  const std::uint64_t size = fs::file_size(path, missing);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (missing || !file) return false;
  const auto tail = read_tail(file.get(), size);
  if (!tail) return false;
  const auto sum = file_checksum(path, size - sizeof(Tail));
  return sum && *sum == tail->checksum;
}

/// The number of a block from the name of its file.
std::optional<std::uint64_t> block_of(const std::string& name) {
  constexpr std::size_t kDigits = 8;
  std::uint64_t block = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + std::min(name.size(), kDigits), block);
  return error == std::errc{} && end == name.data() + kDigits ? std::optional(block) : std::nullopt;
}

std::string ending_of(std::uint64_t key) { return fmt::format("-{:016x}", key); }

}  // namespace

BlockWriter::BlockWriter(std::string path, std::size_t picture_bytes)
    : path_(std::move(path)), picture_bytes_(picture_bytes) {
  const std::string partial = partial_name(path_);
  file_ = Descriptor(::open(partial.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file_) throw RuntimeError("{}: cannot be made ({}).", partial, std::strerror(errno));
}

void BlockWriter::write(std::uint64_t place, std::span<const std::byte> pixels) const {
  expect_contract(pixels.size() == picture_bytes_, "a picture fills its place");
  write_at(file_.get(), place * picture_bytes_, pixels, path_);
}

void BlockWriter::finish(const std::vector<PictureFacts>& facts) {
  Tail tail{.pictures = facts.size(),
            .picture_bytes = picture_bytes_,
            .facts_at = facts.size() * picture_bytes_,
            .checksum = 0};
  std::vector<std::byte> bytes;
  const auto add = [&](std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  };
  for (const PictureFacts& picture : facts) {
    add(bytes_of(StoredFacts{picture.hash, bits_of(picture.notes),
                             static_cast<std::uint32_t>(picture.unreadable.size())}));
    add(std::as_bytes(std::span(picture.unreadable)));
  }
  write_at(file_.get(), tail.facts_at, bytes, path_);
  const std::string partial = partial_name(path_);
  const auto sum = file_checksum(partial, tail.facts_at + bytes.size());
  if (!sum) throw RuntimeError("{}: cannot be read back. Is the disk failing?", partial);
  tail.checksum = *sum;
  write_at(file_.get(), tail.facts_at + bytes.size(), bytes_of(tail), path_);
  file_.reset();
  // Not synced: after a power cut the checksum tells, and what is missing is decoded again.
  if (::rename(partial.c_str(), path_.c_str()) != 0)
    throw RuntimeError("{}: cannot be named ({}).", path_, std::strerror(errno));
}

DecodedBlocks::DecodedBlocks(const ImportOptions& options, std::uint64_t key)
    : folder_(options.output + ".decoded"), key_(key), ranks_(options.ranks) {
  ranks_.on_first("decoded pictures of before", [&] { lead(); });
  std::uint64_t found = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    const auto block = block_of(name);
    if (!block || !name.ends_with(ending_of(key_))) continue;
    ++found;
    if (*block % static_cast<std::uint64_t>(ranks_.count) != static_cast<std::uint64_t>(ranks_.rank))
      continue;
    if (whole_.size() <= *block) whole_.resize(*block + 1);
    whole_[*block] = is_whole_file(entry.path().string());
  }
  if (found > 0)
    log_info("{}: goes on with up to {} pictures that an import that was ended has decoded.", folder_,
             found * kPicturesPerBlock);
}

void DecodedBlocks::lead() {
  std::error_code failure;
  fs::create_directories(folder_, failure);
  if (failure) throw UsageError("{}: the folder cannot be made ({}).", folder_, failure.message());
  const std::string path = folder_ + "/" + kLock;
  lock_ = Descriptor(::open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!lock_) throw UsageError("{}: cannot be opened ({}).", path, std::strerror(errno));
  if (!lock_while_open(lock_.get()) && is_locked(path))
    throw UsageError("{}: another process imports into it. Wait for its end, or choose another name.",
                     folder_);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name != kLock && !name.ends_with(ending_of(key_))) fs::remove(entry.path(), failure);
  }
}

DecodedBlocks::~DecodedBlocks() {
  if (!lock_) return;
  std::error_code ignored;
  std::uint64_t whole = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, ignored))
    if (entry.path().string().ends_with(ending_of(key_))) ++whole;
  if (whole <= 1) {
    fs::remove_all(folder_, ignored);
  } else {
    fs::remove(folder_ + "/" + kLock, ignored);
    log_info(
        "{}: keeps what is decoded, about {} pictures, for the next attempt. Remove it to free the space.",
        folder_, whole * kPicturesPerBlock);
  }
}

void DecodedBlocks::remove() {
  std::error_code failure;
  fs::remove_all(folder_, failure);
  if (failure) log_warning("{}: cannot be removed ({})", folder_, failure.message());
  lock_.reset();
}

std::string DecodedBlocks::path(std::uint64_t block) const {
  return fmt::format("{}/{:08}{}", folder_, block, ending_of(key_));
}

bool DecodedBlocks::lacks(std::uint64_t block) const {
  const bool mine =
      block % static_cast<std::uint64_t>(ranks_.count) == static_cast<std::uint64_t>(ranks_.rank);
  return mine && (block >= whole_.size() || !whole_[block]);
}

BlockWriter DecodedBlocks::begin(std::uint64_t block, std::size_t picture_bytes) const {
  return {path(block), picture_bytes};
}

int DecodedBlocks::open_block(std::uint64_t block) const {
  constexpr std::size_t kMostOpen = 256;
  if (open_.size() <= block) open_.resize(block + 1);
  if (open_[block]) return open_[block].get();
  if (opened_ == kMostOpen) {
    for (Descriptor& file : open_) file.reset();
    opened_ = 0;
  }
  open_[block] = Descriptor(::open(path(block).c_str(), O_RDONLY | O_CLOEXEC));
  if (!open_[block])
    throw RuntimeError("{}: cannot be opened again ({}).", path(block), std::strerror(errno));
  ++opened_;
  return open_[block].get();
}

std::vector<PictureFacts> DecodedBlocks::facts(std::uint64_t block) const {
  const int file = open_block(block);
  const std::uint64_t size = fs::file_size(path(block));
  const auto tail = read_tail(file, size);
  if (!tail) throw RuntimeError("{}: is damaged. Remove the folder and start again.", path(block));
  std::vector<std::byte> bytes(size - sizeof(Tail) - tail->facts_at);
  const std::string error = read_at(file, tail->facts_at, bytes);
  if (!error.empty()) throw RuntimeError("{}: cannot be read back ({}).", path(block), error);
  std::vector<PictureFacts> facts(tail->pictures);
  std::span<const std::byte> rest(bytes);
  for (PictureFacts& picture : facts) {
    StoredFacts stored;
    expect_contract(rest.size() >= sizeof stored, "a block holds facts of all its pictures");
    std::memcpy(&stored, rest.data(), sizeof stored);
    rest = rest.subspan(sizeof stored);
    picture.hash = stored.hash;
    picture.notes = notes_of(stored.notes);
    picture.unreadable.assign(reinterpret_cast<const char*>(rest.data()), stored.text_bytes);
    rest = rest.subspan(stored.text_bytes);
  }
  return facts;
}

void DecodedBlocks::read(std::uint64_t picture, std::span<std::byte> pixels) const {
  const std::uint64_t block = picture / kPicturesPerBlock;
  const std::string error = read_at(open_block(block), picture % kPicturesPerBlock * pixels.size(), pixels);
  if (!error.empty()) throw RuntimeError("{}: cannot be read back ({}).", path(block), error);
}

}  // namespace annulus::io
