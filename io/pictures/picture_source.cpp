// One decoder a thread; a request is shared out among them.
#include "io/pictures/picture_source.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/worker_pool.hpp"
#include "io/dataset/check_buffers.hpp"

namespace annulus::io {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{64} << 20;

std::vector<std::byte> contents(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw DataError("{}: cannot be read ({}).", printable(path), error.message());
  if (size > kLargestFile)
    throw DataError("{}: has {} MB, more than the 64 MB that a picture may have.", printable(path),
                    size >> 20);
  std::vector<std::byte> bytes(size);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    throw DataError("{}: cannot be read.", printable(path));
  return bytes;
}

class PictureSource final : public SampleSource {
 public:
  explicit PictureSource(PictureSourceOptions options)
      : options_(std::move(options)),
        pool_(options_.threads),
        decoders_(static_cast<std::size_t>(pool_.size())) {
    expect_contract(!options_.files.empty() && (options_.shape.channels == 1 || options_.shape.channels == 3),
                    "there are pictures, grey or in colour");
    info_ = {.name = options_.name,
             .samples = options_.files.size(),
             .shape = options_.shape,
             .pixels = PixelType::uint8,
             .numbered = true};
  }

  const SourceInfo& info() const override { return info_; }
  std::span<const std::int32_t> all_labels() const override { return {}; }
  std::span<const float> all_weights() const override { return {}; }
  void check_unchanged() const override {}
  void expect_rows(const std::shared_ptr<const RowSet>&) override {}
  ReadCounts read_counts() const override { return {}; }

  void read(std::span<const std::uint64_t> samples, const SampleBuffers& buffers) override {
    check_buffers(samples.size(), buffers, info_);
    std::ranges::fill(buffers.labels, 0);
    const auto bytes = static_cast<std::size_t>(info_.shape.size());
    std::atomic<std::size_t> next = 0;
    pool_.run([&](int worker) {
      for (std::size_t i = next++; i < samples.size(); i = next++)
        decode(options_.files.at(samples[i]), decoders_[static_cast<std::size_t>(worker)],
               buffers.pixels.subspan(i * bytes, bytes));
    });
  }

 private:
  void decode(const std::string& path, ImageDecoder& decoder, std::span<std::byte> pixels) const {
    const SampleShape& shape = info_.shape;
    const DecodeOptions how{.colour = shape.channels == 1 ? Colour::grey : Colour::rgb};
    Image image = decoder.decode(contents(path), how, printable(path));
    if (image.height != shape.height || image.width != shape.width) {
      if (!options_.fit) throw_other_size(path, image);
      image = fitted(image, shape.height, shape.width, *options_.fit);
    }
    std::memcpy(pixels.data(), image.pixels.data(), pixels.size());
  }

  [[noreturn]] void throw_other_size(const std::string& path, const Image& image) const {
    throw DataError(
        "{}: has {} x {} pixels (height x width), and {} x {} are wanted. Bring all pictures to that size by --fit crop (the middle, proportions kept), --fit pad (all of it, black margins) or --fit stretch: as it was done with the images that the model was trained on.",
        printable(path), image.height, image.width, info_.shape.height, info_.shape.width);
  }

  PictureSourceOptions options_;
  SourceInfo info_;
  WorkerPool pool_;
  std::vector<ImageDecoder> decoders_;
};

}  // namespace

std::unique_ptr<SampleSource> make_picture_source(PictureSourceOptions options) {
  return std::make_unique<PictureSource>(std::move(options));
}

}  // namespace annulus::io
