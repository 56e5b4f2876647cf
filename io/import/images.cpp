// Class folders of JPEG and PNG images: one thread reads the archive, all of them decode what it has read.
#include <xxhash.h>

#include <atomic>
#include <exception>
#include <filesystem>
#include <future>
#include <optional>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "base/worker_pool.hpp"
#include "io/files/atomic_file.hpp"
#include "io/import/archive.hpp"
#include "io/import/image_listing.hpp"
#include "io/import/left_out.hpp"
#include "io/import/output.hpp"
#include "io/import/picture_remarks.hpp"
#include "io/import/pixel_spill.hpp"

namespace annulus::io {
namespace {

/// Reads the source in batches and notes what it leaves out.
class BatchReader {
 public:
  explicit BatchReader(const std::string& path) : source_(open_files(path)) {}

  std::vector<SourceFile> next() {
    constexpr std::size_t kMostFiles = 2048;
    constexpr std::size_t kMostBytes = 64 << 20;
    std::vector<SourceFile> files;
    std::size_t bytes = 0;
    SourceFile file;
    const auto wanted = [this](const std::string& name) { return is_wanted(name); };
    while (files.size() < kMostFiles && bytes < kMostBytes && source_->next(wanted, file)) {
      bytes += file.contents.size();
      files.push_back(std::move(file));
      file = {};
    }
    return files;
  }

  const FileSource& source() const { return *source_; }
  /// What was not read, once all has been read.
  LeftOut left_out() const {
    LeftOut left_out = left_out_;
    for (const std::string& folder : source_->folders()) left_out.add_folder(folder);
    return left_out;
  }

 private:
  bool is_wanted(const std::string& name) {
    if (has_image_name(name) && !is_hidden(name)) return true;
    left_out_.add_file(name);
    return false;
  }

  std::unique_ptr<FileSource> source_;
  LeftOut left_out_;
};

/// Decodes batches on all workers into the spill. The first image of the source fixes the size.
class BatchDecoder {
 public:
  BatchDecoder(const ImportOptions& options, const ImageOptions& images)
      : options_(options),
        wanted_(images),
        pool_(worker_count(options)),
        decoders_(static_cast<std::size_t>(pool_.size())) {}

  void decode(const std::vector<SourceFile>& files) {
    const std::uint64_t first_slot = images_.size();
    for (const SourceFile& file : files) {
      images_.push_back(place_image(options_.source, file.name));
      images_.back().slot = images_.size() - 1;
    }
    if (!spill_) fix_size(files.front());
    std::vector<std::exception_ptr> errors(files.size());
    std::atomic<std::size_t> taken{0};
    pool_.run([&](int worker) {
      for (std::size_t i = taken++; i < files.size(); i = taken++) try {
          decode_one(decoders_[static_cast<std::size_t>(worker)], files[i], images_[first_slot + i]);
        } catch (...) {
          errors[i] = std::current_exception();
        }
    });
    // Whatever the threads did first, the first bad file of the source is reported.
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
  }

  std::vector<ListedImage> take_images() { return std::move(images_); }
  const SampleShape& shape() const { return shape_; }
  const PixelSpill& spill() const { return *spill_; }

 private:
  static int worker_count(const ImportOptions& options) {
    return options.threads > 0 ? options.threads
                               : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }

  /// A picture as it will be stored.
  struct Stored {
    SampleShape shape;
    std::vector<std::byte> pixels;
    PictureNotes notes;
  };

  template <class Value>
  Stored stored(ImageOf<Value> image) const {
    if (wanted_.resize_height > 0) image = resize(image, wanted_.resize_height, wanted_.resize_width);
    const auto bytes = std::as_bytes(std::span(image.pixels));
    return {{image.height, image.width, image.channels, false}, {bytes.begin(), bytes.end()}, image.notes};
  }

  Stored decoded(ImageDecoder& decoder, const SourceFile& file) const {
    const std::string place = options_.source + ", " + shown_name(file.name);
    return wanted_.pixels == PixelType::uint8
               ? stored(decoder.decode(file.contents, wanted_.decode, place))
               : stored(decoder.decode_float(file.contents, wanted_.decode, place));
  }

  void fix_size(const SourceFile& file) {
    const Stored first = decoded(decoders_[0], file);
    shape_ = first.shape;
    first_name_ = file.name;
    spill_.emplace(options_.output, first.pixels.size());
  }

  void decode_one(ImageDecoder& decoder, const SourceFile& file, ListedImage& listed) const {
    const Stored picture = decoded(decoder, file);
    if (!(picture.shape == shape_)) {
      throw DataError(
          "{}: {} has {} x {} pixels, but {} has {} x {}; a dataset holds images of one size. Ask for a common size, for example --resize {}x{}.",
          options_.source, shown_name(first_name_), shape_.height, shape_.width, shown_name(file.name),
          picture.shape.height, picture.shape.width, shape_.height, shape_.width);
    }
    listed.hash = XXH64(file.contents.data(), file.contents.size(), 0);
    listed.notes = picture.notes;
    spill_->write(listed.slot, picture.pixels);
  }

  const ImportOptions& options_;
  const ImageOptions& wanted_;
  WorkerPool pool_;
  std::vector<ImageDecoder> decoders_;
  std::vector<ListedImage> images_;
  SampleShape shape_;
  std::string first_name_;
  std::optional<PixelSpill> spill_;
};

/// Reads one batch ahead of the decoding.
void read_and_decode(BatchReader& reader, BatchDecoder& decoder, const std::string& what,
                     const ProgressCallback& progress) {
  std::vector<SourceFile> files = reader.next();
  while (!files.empty()) {
    const std::uint64_t done = reader.source().done();
    auto following = std::async(std::launch::async, [&reader] { return reader.next(); });
    decoder.decode(files);
    report(progress, done, reader.source().total(), what);
    files = following.get();
  }
}

void check_size(const ImageOptions& images) {
  constexpr std::int64_t kLargest = 16384;
  const auto [height, width] = std::pair(images.resize_height, images.resize_width);
  if (height < 0 || width < 0 || (height > 0) != (width > 0) || height > kLargest || width > kLargest)
    throw UsageError("The new size is {} x {} pixels, but both must be from 1 to {}.", height, width,
                     kLargest);
}

void report_left_out(const LeftOut& left_out, const std::vector<std::string>& dead_links) {
  for (const std::string& sentence : left_out.warnings()) log_warning("{}", sentence);
  if (!dead_links.empty())
    log_warning("Left out links that lead to nothing inside the source, or in a circle: {}, for example {}.",
                dead_links.size(), shown_name(dead_links.front()));
  for (const std::string& sentence : left_out.remarks()) log_info("{}", sentence);
}

std::string source_text(const ImportOptions& options) {
  const bool folder = std::filesystem::is_directory(options.source);
  return folder ? file_name(options.source) + " (folder)"
                : fmt::format("{}, {} bytes", file_name(options.source),
                              std::filesystem::file_size(options.source));
}

}  // namespace

void import_images(const ImportOptions& options, const ImageOptions& images,
                   const ProgressCallback& progress) {
  check_size(images);
  check_import_options(options);
  BatchReader reader(options.source);
  BatchDecoder decoder(options, images);
  read_and_decode(reader, decoder, "reading " + file_name(options.source), progress);
  const LeftOut left_out = reader.left_out();
  report_left_out(left_out, reader.source().dead_links());

  std::vector<ListedImage> listed = decoder.take_images();
  const std::vector<PictureRemark> remarks = picture_remarks(listed, images);
  ImageListing listing = list_images(options.source, std::move(listed), left_out, images.empty_classes);
  for (const std::string& doubt : listing.doubts) log_warning("{}", doubt);
  ImportedData data;
  data.shape = decoder.shape();
  data.pixels = images.pixels;
  data.classes = std::move(listing.classes);
  data.description = "images of " + file_name(options.source);
  data.provenance.emplace_back("source", source_text(options));
  data.provenance.emplace_back("contents", fmt::format("xxh64 {:016x}", listing.hash));
  if (images.resize_height > 0)
    data.provenance.emplace_back("resize", fmt::format("{}x{}", images.resize_height, images.resize_width));
  for (const PictureRemark& remark : remarks) {
    log_info("{}", remark.sentence);
    data.provenance.emplace_back(remark.key, remark.provenance);
  }
  for (ListedSplit& split : listing.splits)
    data.splits.push_back(
        {split.name, std::move(split.labels),
         [&spill = decoder.spill(), slots = std::move(split.slots)](
             std::uint64_t row, std::span<std::byte> pixels) { spill.read(slots[row], pixels); }});
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
