// A split in one file: its chunks are those of the file.
#include <algorithm>

#include "io/dataset/columns.hpp"
#include "io/dataset/stored_split.hpp"

namespace annulus::io {
namespace {

class OneFile final : public StoredSplit {
 public:
  explicit OneFile(const DatasetOptions& options) : columns_(options) {}

  const SourceInfo& info() const override { return columns_.info(); }
  std::size_t row_bytes() const override { return columns_.row_bytes(); }
  std::size_t vector_floats() const override { return columns_.vector_floats(); }
  std::span<const std::int32_t> labels() const override { return columns_.labels(); }
  std::span<const float> weights() const override { return columns_.weights(); }
  const std::vector<std::string>& notes() const override { return columns_.notes(); }

  bool chunked() const override { return columns_.chunked(); }
  std::uint64_t chunk_rows() const override { return columns_.chunk_rows(); }
  std::uint64_t chunks() const override { return (info().samples + chunk_rows() - 1) / chunk_rows(); }
  std::uint64_t chunk_of(std::uint64_t sample) const override { return sample / chunk_rows(); }
  std::uint64_t chunk_begin(std::uint64_t chunk) const override {
    return std::min(chunk * chunk_rows(), info().samples);
  }

  std::uint64_t read_pieces(std::span<const Piece> pieces) const override {
    return columns_.read_pieces(pieces);
  }
  std::uint64_t stored_bytes() const override { return columns_.stored_bytes(); }
  void check_unchanged() const override { columns_.check_unchanged(); }

  const std::string& path() const override { return columns_.path(); }
  const std::string& images_name() const override { return columns_.images_name(); }
  const DatasetInfo& images() const override { return columns_.images(); }

 private:
  DatasetColumns columns_;
};

}  // namespace

std::unique_ptr<StoredSplit> open_one_file(const DatasetOptions& options) {
  return std::make_unique<OneFile>(options);
}

}  // namespace annulus::io
