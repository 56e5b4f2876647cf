// One decoder per thread; a picture at its place in a block.
#include "io/import/picture_decoder.hpp"

#include <xxhash.h>

#include <atomic>
#include <exception>
#include <fstream>
#include <iterator>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"

namespace annulus::io {
namespace {

int worker_count(const ImportOptions& options) {
  return options.threads > 0 ? options.threads
                             : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

void check_size(const ImageOptions& images) {
  constexpr std::int64_t kLargest = 16384;
  const auto [height, width] = std::pair(images.resize_height, images.resize_width);
  if (height < 0 || width < 0 || (height > 0) != (width > 0) || height > kLargest || width > kLargest)
    throw UsageError("The new size is {} x {} pixels, but both must be from 1 to {}.", height, width,
                     kLargest);
}

[[noreturn]] void throw_unwritable(const std::string& path) {
  throw RuntimeError("{}: cannot be written. Free some space, or write elsewhere.", path);
}

}  // namespace

PictureDecoder::PictureDecoder(const ImportOptions& options, const ImageOptions& images)
    : options_(options),
      wanted_(images),
      pool_(worker_count(options)),
      decoders_(static_cast<std::size_t>(pool_.size())) {
  check_size(images);
}

void PictureDecoder::begin(std::uint64_t source) {
  const std::string how = fmt::format(
      "{} {:016x} {} {} {} {} {} x {} {}", options_.program, source, word_of(wanted_.decode.alpha),
      word_of(wanted_.decode.orientation), static_cast<int>(wanted_.decode.colour),
      static_cast<int>(wanted_.pixels), wanted_.resize_height, wanted_.resize_width, word_of(wanted_.fit));
  blocks_.emplace(options_, XXH64(how.data(), how.size(), 0));
}

bool PictureDecoder::needs(std::uint64_t number) const {
  return !has_shape_ || blocks_->lacks(number / kPicturesPerBlock);
}

void PictureDecoder::decode(const std::vector<NumberedFile>& files) {
  for (std::size_t i = 0; i < files.size() && !has_shape_; ++i) fix_size(files[i].file);
  const std::span<const NumberedFile> all(files);
  for (std::size_t begin = 0, end = 0; begin < files.size(); begin = end) {
    const std::uint64_t block = files[begin].number / kPicturesPerBlock;
    while (end < files.size() && files[end].number / kPicturesPerBlock == block) ++end;
    if (blocks_->lacks(block)) decode_in_block(block, all.subspan(begin, end - begin));
  }
}

/// Decodes the next pictures of a block that this rank lacks.
void PictureDecoder::decode_in_block(std::uint64_t block, std::span<const NumberedFile> files) {
  if (block_ != block) end_block();
  block_ = block;
  expect_contract(files.front().number % kPicturesPerBlock == facts_.size(),
                  "pictures come in the order of the source, and none is left out");
  if (!writer_ && has_shape_)
    writer_ = blocks_->begin(block, static_cast<std::size_t>(shape_.size()) * size_of(wanted_.pixels));
  std::vector<PictureFacts> facts(files.size());
  std::vector<std::exception_ptr> errors(files.size());
  std::atomic<std::size_t> taken{0};
  pool_.run([&](int worker) {
    for (std::size_t i = taken++; i < files.size(); i = taken++) try {
        facts[i] = decode_one(decoders_[static_cast<std::size_t>(worker)], files[i]);
      } catch (...) {
        errors[i] = std::current_exception();
      }
  });
  // Whatever the threads did first, the first bad file of the source is reported.
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  facts_.insert(facts_.end(), std::make_move_iterator(facts.begin()), std::make_move_iterator(facts.end()));
}

void PictureDecoder::end_block() {
  if (!block_) return;
  if (!writer_) writer_ = blocks_->begin(*block_, 0);  // no picture of it could be read
  writer_->finish(facts_);
  writer_.reset();
  block_.reset();
  facts_.clear();
}

template <class Value>
PictureDecoder::Stored PictureDecoder::stored(ImageOf<Value> image) const {
  if (wanted_.resize_height > 0)
    image = fitted(image, wanted_.resize_height, wanted_.resize_width, wanted_.fit);
  const auto bytes = std::as_bytes(std::span(image.pixels));
  return {{image.height, image.width, image.channels, false}, {bytes.begin(), bytes.end()}, image.notes};
}

PictureDecoder::Stored PictureDecoder::decoded(ImageDecoder& decoder, const SourceFile& file) const {
  const std::string place = options_.source + ", " + shown_name(file.name);
  return wanted_.pixels == PixelType::uint8
             ? stored(decoder.decode(file.contents, wanted_.decode, place))
             : stored(decoder.decode_float(file.contents, wanted_.decode, place));
}

/// The picture. @return why there is none, where such pictures are skipped
std::string PictureDecoder::decode_to(Stored& picture, ImageDecoder& decoder, const SourceFile& file) const {
  try {
    picture = decoded(decoder, file);
    return {};
  } catch (const DataError& error) {
    if (wanted_.unreadable == Unreadable::skip) return error.what();
    throw DataError("{} Or leave out all such pictures, with a list of them: --skip-unreadable.",
                    error.what());
  }
}

void PictureDecoder::fix_size(const SourceFile& file) {
  Stored first;
  if (!decode_to(first, decoders_[0], file).empty()) return;
  shape_ = first.shape;
  first_name_ = file.name;
  has_shape_ = true;
}

PictureFacts PictureDecoder::decode_one(ImageDecoder& decoder, const NumberedFile& numbered) const {
  const SourceFile& file = numbered.file;
  Stored picture;
  PictureFacts facts;
  facts.unreadable = decode_to(picture, decoder, file);
  if (!facts.unreadable.empty()) return facts;
  if (!(picture.shape == shape_)) {
    throw DataError(
        "{}: {} has {} x {} pixels, but {} has {} x {}; a dataset holds images of one size. Ask for a common size, for example --resize {}x{}.",
        options_.source, shown_name(first_name_), shape_.height, shape_.width, shown_name(file.name),
        picture.shape.height, picture.shape.width, shape_.height, shape_.width);
  }
  facts.hash = XXH64(file.contents.data(), file.contents.size(), 0);
  facts.notes = picture.notes;
  writer_->write(numbered.number % kPicturesPerBlock, picture.pixels);
  return facts;
}

namespace {

/// OUTPUT.unreadable.txt, made when there is something to list.
class BadList {
 public:
  BadList(const ImportOptions& options)
      : path_(options.output + ".unreadable.txt"), writes_(options.ranks.rank == 0) {}

  void add(std::string_view name, const std::string& reason) {
    constexpr std::size_t kNamed = 3;
    ++bad_.count;
    if (bad_.first.size() < kNamed) bad_.first.emplace_back(name);
    if (!writes_) return;
    if (!out_.is_open()) out_.open(path_);
    out_ << printable(reason) << '\n';
  }

  /// @param read  how many pictures were not skipped
  BadPictures end(std::uint64_t read) {
    if (writes_ && bad_.count > 0 && !out_.flush()) throw_unwritable(path_);
    if (bad_.count > 0)
      log_warning("Left out pictures that cannot be read: {} of {}, for example {}. All of them, and why: {}",
                  bad_.count, bad_.count + read, shown_names(bad_.first), path_);
    return bad_;
  }

 private:
  std::string path_;
  bool writes_;
  std::ofstream out_;
  BadPictures bad_;
};

}  // namespace

BadPictures PictureDecoder::finish(ListedImages& listed,
                                   const std::function<void(std::string_view name)>& on_bad) {
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  end_block();
  options_.ranks.meet("decoding its pictures");
  BadList bad(options_);
  for (std::uint64_t first = 0; first < listed.size(); first += kPicturesPerBlock) {
    const std::vector<PictureFacts> facts = blocks_->facts(first / kPicturesPerBlock);
    if (facts.size() != std::min<std::uint64_t>(kPicturesPerBlock, listed.size() - first))
      throw DataError("{}: has changed while it was read. Start again when nobody writes to it.",
                      options_.source);
    for (std::uint64_t i = 0; i < facts.size(); ++i) {
      ListedImage& image = listed[first + i];
      image.slot = facts[i].unreadable.empty() ? first + i : kNone;
      image.hash = facts[i].hash;
      image.notes = facts[i].notes;
      if (image.slot != kNone) continue;
      bad.add(image.name, facts[i].unreadable);
      if (on_bad) on_bad(image.name);
    }
  }
  std::erase_if(listed, [](const ListedImage& image) { return image.slot == kNone; });
  return bad.end(listed.size());
}

void write_lines(const std::string& path, const ListedImages& images) {
  std::ofstream out(path);
  for (const ListedImage& image : images) out << printable(image.name) << '\n';
  if (!out.flush()) throw_unwritable(path);
}

}  // namespace annulus::io
