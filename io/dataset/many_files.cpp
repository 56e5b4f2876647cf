// Rows are cut into chunks file by file. An example: files of 5 and 7 rows, chunks of 4, of 3 in the second.
//
//     file, row   a0 a1 a2 a3 | a4          | b0 b1 b2    | b3 b4 b5    | b6
//     sample      0  1  2  3  | 4           | 5  6  7     | 8  9  10    | 11
//     chunk       0           | 1           | 2           | 3           | 4
//     place       0  1  2  3  | 4  .  .  .  | 8  9  10 .  | 12 13 14 .  | 16
//
// Every chunk has as many places as the longest has rows, so that the shuffle, which knows chunks of one
// length, finds them by division; the places without a sample are those that are not in SourceInfo::places.
// Where there are none, the order is that of one file with the same rows.
#include "io/dataset/many_files.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "io/dataset/columns.hpp"
#include "io/dataset/file_survey.hpp"
#include "io/dataset/open_files.hpp"

namespace annulus::io {
namespace {

/// Part of a file whose rows are samples.
struct FilePart {
  std::size_t file = 0;           ///< its number in DatasetOptions::files
  std::uint64_t rows = 0;         ///< from its first
  std::uint64_t unit = 1;         ///< rows of a chunk; the last one may have fewer
  std::uint64_t begin = 0;        ///< first sample
  std::uint64_t first_chunk = 0;  ///< number of its first chunk
};

/// Rows of a file that are read together: whole chunks of it.
std::uint64_t unit_of(const FileFacts& file, std::uint64_t row_bytes) {
  const std::uint64_t rows =
      std::max<std::uint64_t>(1, kSmallestRead / std::max<std::uint64_t>(1, row_bytes));
  return std::min(file.rows, std::max<std::uint64_t>(1, rows / file.chunk) * file.chunk);
}

class FileParts final : public RowsOfFiles {
 public:
  FileParts(const FileSurvey& survey, const DatasetOptions& options, std::uint64_t row_bytes)
      : files_(options.files), looked_for_(options.look_for) {
    for (const FileFacts& facts : survey.files) found_ |= facts.found;
    std::uint64_t left = options.limit > 0 ? options.limit : survey.labels.size();
    for (std::size_t file = 0; file < survey.files.size() && left > 0; ++file) {
      const FileFacts& facts = survey.files[file];
      if (facts.rows == 0) continue;
      parts_.push_back({.file = file, .rows = std::min(facts.rows, left), .unit = unit_of(facts, row_bytes)});
      left -= parts_.back().rows;
      longest_ = std::max(longest_, std::min(parts_.back().unit, parts_.back().rows));
    }
    for (FilePart& part : parts_) {
      const std::uint64_t chunk = survey.files[part.file].chunk;
      part.unit = std::max<std::uint64_t>(1, longest_ / chunk) * chunk;  // as many of its own as have place
      part.unit = std::min(part.unit, longest_);
      part.begin = samples_;
      part.first_chunk = chunks_;
      samples_ += part.rows;
      chunks_ += (part.rows + part.unit - 1) / part.unit;
    }
  }

  std::uint64_t samples() const { return samples_; }
  std::uint64_t chunks() const { return chunks_; }
  std::uint64_t longest() const { return longest_; }

  const FilePart& part_of(std::uint64_t sample) const {
    return *(std::ranges::upper_bound(parts_, sample, {}, &FilePart::begin) - 1);
  }
  std::uint64_t chunk_of(std::uint64_t sample) const {
    const FilePart& part = part_of(sample);
    return part.first_chunk + (sample - part.begin) / part.unit;
  }
  std::uint64_t chunk_begin(std::uint64_t chunk) const {
    if (chunk >= chunks_) return samples_;
    const FilePart& part = *(std::ranges::upper_bound(parts_, chunk, {}, &FilePart::first_chunk) - 1);
    return part.begin + (chunk - part.first_chunk) * part.unit;
  }
  /// SourceInfo::places
  std::shared_ptr<const RowSet> places() const {
    std::vector<bool> taken(chunks_ * longest_);
    for (std::uint64_t chunk = 0; chunk < chunks_; ++chunk) {
      const auto begin = taken.begin() + static_cast<std::ptrdiff_t>(chunk * longest_);
      std::fill_n(begin, chunk_begin(chunk + 1) - chunk_begin(chunk), true);
    }
    while (!taken.empty() && !taken.back()) taken.pop_back();
    return taken.size() == samples_ ? nullptr : std::make_shared<const RowSet>(taken);
  }

  std::optional<bool> has(const std::string& group) const override {
    const auto known = std::ranges::find(looked_for_, group);
    if (known == looked_for_.end()) return std::nullopt;
    return (found_ >> (known - looked_for_.begin()) & 1) != 0;
  }

  std::string place(std::uint64_t row) const override {
    const FilePart& part = part_of(row);
    return fmt::format("{}, row {}", files_[part.file], row - part.begin);
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> looked_for_;
  std::uint64_t found_ = 0;  ///< bit k: a file has looked_for_[k]
  std::vector<FilePart> parts_;
  std::uint64_t samples_ = 0;
  std::uint64_t chunks_ = 0;
  std::uint64_t longest_ = 1;  ///< rows of the longest chunk
};

class ManyFiles final : public StoredSplit {
 public:
  ManyFiles(const DatasetOptions& options, FileSurvey survey)
      : survey_(std::move(survey)),
        path_(options.files[survey_.first]),
        images_name_(options.images),
        parts_(std::make_shared<const FileParts>(survey_, options, sample_bytes(survey_.info))),
        open_(options, survey_.files) {
    SourceInfo& info = survey_.info;
    const std::size_t others = static_cast<std::size_t>(std::ranges::count_if(
                                   survey_.files, [](const auto& f) { return f.rows > 0; })) -
                               1;
    if (others > 0) {
      const std::size_t colon = info.name.rfind(':');
      info.name.insert(colon, fmt::format(" and {} more", others));
    }
    info.samples = parts_->samples();
    survey_.labels.resize(info.samples);
    if (!survey_.weights.empty()) survey_.weights.resize(info.samples);
    if (info.numbered) info.classes = numbered_classes(survey_.labels, options.first_label);
    info.chunk = parts_->longest();
    info.places = parts_->places();
    info.files = parts_;
    if (info.samples * sample_bytes(info) > options.resident_bytes) survey_.kept.clear();  // to be streamed
    info.stored.extents[0] = static_cast<std::int64_t>(info.samples);
    for (const FileFacts& file : survey_.files)
      if (file.rows > 0)
        info.stored.smallest_label = std::min(info.stored.smallest_label, file.smallest_label);
  }

  const SourceInfo& info() const override { return survey_.info; }
  std::size_t row_bytes() const override {
    return static_cast<std::size_t>(info().shape.size()) * size_of(info().pixels);
  }
  std::size_t vector_floats() const override {
    return static_cast<std::size_t>(total_length(info().vectors));
  }
  std::span<const std::int32_t> labels() const override { return survey_.labels; }
  std::span<const float> weights() const override { return survey_.weights; }
  const std::vector<std::string>& notes() const override { return survey_.notes; }

  bool chunked() const override { return true; }
  std::uint64_t chunk_rows() const override { return parts_->longest(); }
  std::uint64_t chunks() const override { return parts_->chunks(); }
  std::uint64_t chunk_of(std::uint64_t sample) const override { return parts_->chunk_of(sample); }
  std::uint64_t chunk_begin(std::uint64_t chunk) const override { return parts_->chunk_begin(chunk); }

  std::uint64_t read_pieces(std::span<const Piece> pieces) const override {
    std::map<std::size_t, std::vector<Piece>> of_files;
    for (const Piece& piece : pieces) cut(piece, of_files);
    std::uint64_t bytes = 0;
    for (const auto& [file, own] : of_files)
      if (const auto kept = survey_.kept.find(file); kept != survey_.kept.end())
        copy(kept->second, own);
      else
        bytes += open_.get(file).read_pieces(own);
    return bytes;
  }

  std::uint64_t stored_bytes() const override {
    double bytes = 0;
    std::uint64_t left = info().samples;
    for (const FileFacts& file : survey_.files) {
      if (file.rows == 0) continue;
      const std::uint64_t rows = std::min(left, file.rows);
      bytes +=
          static_cast<double>(file.stored_bytes) * static_cast<double>(rows) / static_cast<double>(file.rows);
      left -= rows;
    }
    return static_cast<std::uint64_t>(bytes);
  }

  void check_unchanged() const override { open_.check_unchanged(); }

  const std::string& path() const override { return path_; }
  const std::string& images_name() const override { return images_name_; }
  const DatasetInfo& images() const override { return survey_.images; }

 private:
  void copy(const KeptRows& kept, std::span<const Piece> pieces) const {
    const std::size_t bytes = row_bytes(), floats = vector_floats();
    for (const Piece& piece : pieces) {
      std::ranges::copy(std::span(kept.pixels).subspan(piece.first * bytes, piece.count * bytes),
                        piece.pixels.begin());
      std::ranges::copy(std::span(kept.vectors).subspan(piece.first * floats, piece.count * floats),
                        piece.vectors.begin());
    }
  }

  /// Where files end; rows are then those of each file.
  void cut(Piece piece, std::map<std::size_t, std::vector<Piece>>& of_files) const {
    while (piece.count > 0) {
      const FilePart& part = parts_->part_of(piece.first);
      const std::uint64_t count = std::min(piece.count, part.begin + part.rows - piece.first);
      const std::size_t bytes = count * row_bytes(), floats = count * vector_floats();
      of_files[part.file].push_back(
          {piece.first - part.begin, count, piece.pixels.first(bytes), piece.vectors.first(floats)});
      piece = {piece.first + count, piece.count - count, piece.pixels.subspan(bytes),
               piece.vectors.subspan(floats)};
    }
  }

  FileSurvey survey_;
  std::string path_;
  std::string images_name_;
  std::shared_ptr<const FileParts> parts_;
  mutable OpenFiles open_;  ///< of the thread that reads
};

}  // namespace

std::unique_ptr<StoredSplit> open_many_files(const DatasetOptions& options, const NodeMemoryFactory& memory) {
  return std::make_unique<ManyFiles>(options, survey_files(options, memory));
}

}  // namespace annulus::io
