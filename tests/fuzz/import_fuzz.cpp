// What importers read: archives of pictures, pictures, IDX files, tables, pickles, and arrays of NumPy. The
// first byte says which. Nothing may appear outside the output.
#include <filesystem>
#include <set>

#include "io/import/archive.hpp"
#include "io/import/cifar_python.hpp"
#include "io/import/import.hpp"
#include "io/pictures/image_codec.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;

ImportOptions options_for(const std::string& source) {
  return {.source = source,
          .output = fuzz::folder() + "/out/data.h5",
          .existing = Existing::replace,
          .threads = 1};
}

/// The folder holds what the target has written, and the output.
void check_nothing_else() {
  static const std::set<std::string> expected{"source.tar", "images", "labels",     "table",
                                              "arrays.npz", "out",    "out/data.h5"};
  for (const auto& entry : fs::recursive_directory_iterator(fuzz::folder())) {
    const std::string name = entry.path().lexically_relative(fuzz::folder()).string();
    if (!expected.contains(name)) fuzz::report_finding("an importer left behind " + name);
  }
}

void import_archive(std::span<const std::uint8_t> input) {
  const std::string source = fuzz::write_file("source.tar", input);
  fuzz::expect_answer([&] { import_images(options_for(source), {.resize_height = 4, .resize_width = 4}); });
  check_nothing_else();
}

void import_arrays(std::span<const std::uint8_t> input) {
  const std::size_t wanted = fuzz::take_byte(input);
  const std::size_t labels = std::min(wanted, input.size());
  const std::string source = fuzz::write_file("images", input.subspan(labels));
  const IdxFiles files{.train_images = source,
                       .train_labels = fuzz::write_file("labels", input.first(labels)),
                       .test_images = {},
                       .test_labels = {}};
  fuzz::expect_answer([&] { import_idx(options_for(""), {.files = files, .classes = {}}); });
  check_nothing_else();
}

void import_lines(std::span<const std::uint8_t> input) {
  const std::string source = fuzz::write_file("table", input);
  fuzz::expect_answer([&] { import_table(options_for(source), {.test_fraction = 0.5}); });
  check_nothing_else();
}

void import_pickle(std::span<const std::uint8_t> input) {
  const auto contents = std::as_bytes(input);
  fuzz::expect_answer([&] { read_pickled_part(contents, "pickle", "labels"); });
  fuzz::expect_answer([&] { read_pickled_names(contents, "pickle", "label_names"); });
}

void import_npy(std::span<const std::uint8_t> input) {
  const std::size_t wanted = fuzz::take_byte(input);
  const std::size_t labels = std::min(wanted, input.size());
  const NumpyOptions arrays{.images = fuzz::write_file("images", input.subspan(labels)),
                            .labels = fuzz::write_file("labels", input.first(labels))};
  fuzz::expect_answer([&] { import_numpy(options_for(""), arrays); });
  check_nothing_else();
}

void import_npz(std::span<const std::uint8_t> input) {
  const std::string source = fuzz::write_file("arrays.npz", input);
  fuzz::expect_answer([&] { import_numpy(options_for(source)); });
  check_nothing_else();
}

void decode_picture(std::span<const std::uint8_t> input) {
  static ImageDecoder decoder;
  const std::vector<std::byte> contents(std::as_bytes(input).begin(), std::as_bytes(input).end());
  fuzz::expect_answer([&] { decoder.decode(contents, {}, "picture"); });
  fuzz::expect_answer([&] { decoder.decode_float(contents, {.alpha = Alpha::white}, "picture"); });
}

}  // namespace
}  // namespace annulus::io

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace annulus;
  std::span<const std::uint8_t> input(data, size);
  std::filesystem::create_directories(fuzz::folder() + "/out");
  switch (fuzz::take_byte(input) % 8) {
    case 0:
      io::import_archive(input);
      break;
    case 1:
      io::import_arrays(input);
      break;
    case 3:
      io::import_lines(input);
      break;
    case 4:
      io::import_pickle(input);
      break;
    case 5:
      io::import_npy(input);
      break;
    case 6:
      io::import_npz(input);
      break;
    default:
      io::decode_picture(input);
  }
  return 0;
}
