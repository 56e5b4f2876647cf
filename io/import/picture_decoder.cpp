// One decoder per thread; a picture in each slot.
#include "io/import/picture_decoder.hpp"

#include <xxhash.h>

#include <atomic>
#include <exception>
#include <fstream>
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

}  // namespace

PictureDecoder::PictureDecoder(const ImportOptions& options, const ImageOptions& images)
    : options_(options),
      wanted_(images),
      pool_(worker_count(options)),
      decoders_(static_cast<std::size_t>(pool_.size())) {
  check_size(images);
}

void PictureDecoder::decode(const std::vector<SourceFile>& files, std::vector<ListedImage> listed) {
  for (ListedImage& image : listed) image.slot = slots_++;
  for (std::size_t i = 0; i < files.size() && !spill_; ++i) fix_size(files[i]);
  std::vector<std::exception_ptr> errors(files.size());
  std::vector<std::string> reasons(files.size());
  std::atomic<std::size_t> taken{0};
  pool_.run([&](int worker) {
    for (std::size_t i = taken++; i < files.size(); i = taken++) try {
        reasons[i] = decode_one(decoders_[static_cast<std::size_t>(worker)], files[i], listed[i]);
      } catch (...) {
        errors[i] = std::current_exception();
      }
  });
  // Whatever the threads did first, the first bad file of the source is reported.
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (reasons[i].empty())
      images_.push_back(std::move(listed[i]));
    else
      bad_.push_back({files[i].name, reasons[i]});
  }
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
  spill_.emplace(options_.output, first.pixels.size());
}

/// @return why the picture is left out, or ""
std::string PictureDecoder::decode_one(ImageDecoder& decoder, const SourceFile& file,
                                       ListedImage& listed) const {
  Stored picture;
  if (std::string reason = decode_to(picture, decoder, file); !reason.empty()) return reason;
  if (!(picture.shape == shape_)) {
    throw DataError(
        "{}: {} has {} x {} pixels, but {} has {} x {}; a dataset holds images of one size. Ask for a common size, for example --resize {}x{}.",
        options_.source, shown_name(first_name_), shape_.height, shape_.width, shown_name(file.name),
        picture.shape.height, picture.shape.width, shape_.height, shape_.width);
  }
  listed.hash = XXH64(file.contents.data(), file.contents.size(), 0);
  listed.notes = picture.notes;
  spill_->write(listed.slot, picture.pixels);
  return {};
}

/// Lines of a file beside the output.
void write_lines(const std::string& path, const std::vector<std::string>& lines) {
  std::ofstream out(path);
  for (const std::string& line : lines) out << line << '\n';
  if (!out.flush()) throw RuntimeError("{}: cannot be written. Free some space, or write elsewhere.", path);
}

void report_bad(const std::vector<BadPicture>& bad, const std::string& output, std::size_t read) {
  if (bad.empty()) return;
  std::vector<std::string> lines;
  std::vector<std::string> first;
  constexpr std::size_t kNamed = 3;
  for (const BadPicture& picture : bad) {
    lines.push_back(printable(picture.reason));
    if (first.size() < kNamed) first.push_back(picture.name);
  }
  const std::string list = output + ".unreadable.txt";
  write_lines(list, lines);
  log_warning("Left out pictures that cannot be read: {} of {}, for example {}. All of them, and why: {}",
              bad.size(), bad.size() + read, shown_names(first), list);
}

}  // namespace annulus::io
