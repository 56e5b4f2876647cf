// Class folders of JPEG and PNG images: one thread reads the archive, all of them decode what it has read.
#include <deque>
#include <filesystem>
#include <future>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "io/import/archive.hpp"
#include "io/import/image_listing.hpp"
#include "io/import/left_out.hpp"
#include "io/import/name_arena.hpp"
#include "io/import/output.hpp"
#include "io/import/picture_decoder.hpp"
#include "io/import/picture_remarks.hpp"

namespace annulus::io {
namespace {

/// Reads the source in batches, and lists what it has and what it leaves out.
class BatchReader {
 public:
  BatchReader(const ImportOptions& options, const ImageOptions& images, PictureDecoder& decoder)
      : options_(options), images_(images), decoder_(decoder), source_(open_files(options.source)) {
    decoder_.begin(source_->identity());
  }

  /// Those that the decoder needs. None at the end.
  std::vector<NumberedFile> next() {
    constexpr std::size_t kMostFiles = kPicturesPerBlock;
    constexpr std::size_t kMostBytes = 64 << 20;
    std::vector<NumberedFile> files;
    std::size_t bytes = 0;
    SourceFile file;
    const auto wanted = [this](const std::string& name) { return is_wanted(name); };
    while (files.size() < kMostFiles && bytes < kMostBytes && source_->next(wanted, file)) {
      if (Annotations::is_name(file.name)) {
        annotations_.add(file.name,
                         {reinterpret_cast<const char*>(file.contents.data()), file.contents.size()});
        continue;
      }
      bytes += file.contents.size();
      files.push_back({awaited_.front(), std::move(file)});
      awaited_.pop_front();
      file = {};
    }
    return files;
  }

  const FileSource& source() const { return *source_; }
  const Annotations& annotations() const { return annotations_; }
  /// All pictures of the source, in its order, once all has been read.
  ListedImages& listed() { return listed_; }
  /// What was not read, once all has been read.
  LeftOut& left_out() {
    for (const std::string& folder : source_->folders()) left_out_.add_folder(folder);
    return left_out_;
  }

 private:
  bool is_wanted(const std::string& name) {
    if (has_image_name(name) && !is_hidden(name)) {
      listed_.push_back(place_of(names_.add(name)));
      if (!decoder_.needs(listed_.size() - 1)) return false;
      awaited_.push_back(listed_.size() - 1);
      return true;
    }
    if (Annotations::is_name(name) && !is_hidden(name)) return true;
    left_out_.add_file(name);
    return false;
  }

  /// @return where a picture belongs by its name
  ListedImage place_of(std::string_view name) const {
    if (!images_.unlabelled) return place_image(options_.source, name);
    return {.name = name, .split = {}, .class_name = {}};
  }

  const ImportOptions& options_;
  const ImageOptions& images_;
  PictureDecoder& decoder_;
  std::unique_ptr<FileSource> source_;
  NameArena names_;
  ListedImages listed_;
  std::deque<std::uint64_t> awaited_;  ///< asked for: a file known by several names comes once for each
  LeftOut left_out_;
  Annotations annotations_;
};

/// Reads one batch ahead of the decoding.
void read_and_decode(BatchReader& reader, PictureDecoder& decoder, const ImportOptions& options,
                     const ProgressCallback& progress) {
  std::vector<NumberedFile> files = reader.next();
  while (!files.empty()) {
    const std::uint64_t done = reader.source().done();
    auto following = std::async(std::launch::async, [&reader] { return reader.next(); });
    decoder.decode(files);
    report(progress, done, reader.source().total(), "reading " + file_name(options.source));
    files = following.get();
  }
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
  PictureDecoder decoder(options, images);
  check_import_options(options);
  if (images.unlabelled && !images.synsets.empty())
    throw UsageError(
        "--synsets names classes, and --unlabelled is for pictures without. Leave one of them out.");
  std::vector<Synset> synsets;
  if (!images.synsets.empty()) synsets = read_synsets(images.synsets);
  BatchReader reader(options, images, decoder);
  read_and_decode(reader, decoder, options, progress);
  LeftOut& left_out = reader.left_out();
  report_left_out(left_out, reader.source().dead_links());

  ListedImages listed = std::move(reader.listed());
  const BadPictures bad =
      decoder.finish(listed, [&](std::string_view name) { left_out.add_damaged(std::string(name)); });
  const std::vector<PictureRemark> remarks = picture_remarks(listed, images);
  ImageListing listing;
  if (images.unlabelled) {
    listing = list_unlabelled(options.source, listed, left_out);
  } else {
    listing = list_images(options.source, std::move(listed), left_out,
                          {images.empty_classes, std::move(synsets), &reader.annotations()});
  }
  for (const std::string& doubt : listing.doubts) log_warning("{}", doubt);
  ImportedData data;
  data.shape = decoder.shape();
  data.pixels = images.pixels;
  data.classes = std::move(listing.classes);
  data.description = "images of " + file_name(options.source);
  data.provenance.emplace_back("source", source_text(options));
  data.provenance.emplace_back("contents", fmt::format("xxh64 {:016x}", listing.hash));
  if (images.resize_height > 0)
    data.provenance.emplace_back("resize",
                                 fmt::format("{}x{}{}{}", images.resize_height, images.resize_width,
                                             images.fit == Fit::stretch ? "" : " ",
                                             images.fit == Fit::stretch ? "" : word_of(images.fit)));
  if (bad.count > 0)
    data.provenance.emplace_back("unreadable", fmt::format("{} pictures left out", bad.count));
  for (const PictureRemark& remark : remarks) {
    log_info("{}", remark.sentence);
    data.provenance.emplace_back(remark.key, remark.provenance);
  }
  for (ListedSplit& split : listing.splits)
    data.splits.push_back(
        {split.name, std::move(split.labels),
         [&decoder, slots = std::move(split.slots)](std::uint64_t row, std::span<std::byte> pixels) {
           decoder.read(slots[row], pixels);
         }});
  data.labelled = !images.unlabelled;
  data.pixels_hash = decoder.key() ^ listing.hash;
  data.before_end = [&] {
    if (images.unlabelled) write_lines(options.output + ".names.txt", listed);
    decoder.remove();
  };
  write_imported(options, std::move(data), progress);
}

}  // namespace annulus::io
