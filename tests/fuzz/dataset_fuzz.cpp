// A dataset file, its chunks unpacked here or by the library: described as by `annulus data info`, opened
// resident and streamed, a few samples read, its images compared, all of it written anew.
#include <array>
#include <sstream>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/process.hpp"
#include "io/survey/repack.hpp"
#include "io/survey/summary.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace annulus::io {
namespace {

void read_samples(SampleSource& source) {
  const SourceInfo& info = source.info();
  const std::array<std::uint64_t, 3> samples{0, info.samples / 2, info.samples - 1};
  std::vector<std::byte> pixels(samples.size() * static_cast<std::size_t>(info.shape.size()) *
                                size_of(info.pixels));
  std::vector<std::int32_t> labels(samples.size());
  std::vector<float> vectors(samples.size() * static_cast<std::size_t>(total_length(info.vectors)));
  source.read(samples, {pixels, labels, vectors});
  for (const std::int32_t label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= info.classes.size())
      fuzz::report_finding("a label without a class was handed out");
}

void open_and_read(DatasetOptions options) {
  fuzz::expect_answer([&] { read_samples(*open_dataset(options, make_private_memory)); });
}

void write_anew(const std::string& path) {
  std::vector<std::string> left_out;
  RepackSplit split{.name = "train", .data = {.path = path}};
  split.columns = columns_of(path, "train", split, left_out);
  RepackOptions options{
      .output = fuzz::folder() + "/anew.h5", .existing = Existing::replace, .memory_bytes = 1 << 10};
  options.inputs = {{split}};
  repack(options, {});
}

}  // namespace
}  // namespace annulus::io

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  const std::string path = fuzz::write_file("data.h5", {data, size});
  const io::KeepReaders one_child;
  io::set_unpack_threads(2);
  fuzz::expect_answer([&] {
    std::ostringstream out;
    io::print_dataset(io::describe_dataset(path, io::PixelScan::read_all), out);
  });
  fuzz::expect_answer([&] { io::find_duplicates(io::describe_dataset(path)); });
  fuzz::expect_answer([&] { io::write_anew(path); });
  fuzz::expect_answer([&] { io::try_images(path, "train/images"); });
  constexpr std::uint64_t kResident = 16 << 20;
  const io::VectorColumn column{"track", "train/track"};
  io::open_and_read({.path = path, .resident_bytes = kResident});
  io::open_and_read({.path = path, .vectors = {column}, .resident_bytes = 0, .cache_bytes = kResident});
  io::open_and_read(
      {.path = path, .images = "test/images", .labels = "", .limit = 2, .resident_bytes = kResident});
  io::open_and_read(
      {.path = path, .axes = io::ImageAxes::nchw, .first_label = 1, .resident_bytes = kResident});
  io::open_and_read({.path = path, .labels = "train/track", .resident_bytes = 0, .cache_bytes = kResident});
  return 0;
}
