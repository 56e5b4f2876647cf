// Importing arrays that NumPy has saved: every form of the file gives the same numbers, nothing is run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <numeric>

#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A .npy file. @param version  1 to 3   @param shape  as Python writes it
std::string npy(const std::string& type, const std::string& shape, const std::string& values, int version = 1,
                bool fortran = false) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
                       ", 'shape': " + shape + ", }";
  header.append(63 - (header.size() + 10 + (version > 1 ? 2 : 0)) % 64, ' ');
  header += '\n';
  std::string text = "\x93NUMPY" + std::string{static_cast<char>(version), '\0'};
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> 8 * i & 0xff);
  return text + header + values;
}

/// Numbers as a file has them. @param bytes  of each
template <class Value>
std::string numbers(const std::vector<Value>& values, bool big_endian = false) {
  std::string text;
  for (const Value value : values) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    if (big_endian) std::reverse(bytes.begin(), bytes.end());
    text += bytes;
  }
  return text;
}

/// Bytes 0, 1, 2, ...
std::string counted(std::size_t count) {
  std::string text(count, '\0');
  std::iota(text.begin(), text.end(), '\0');
  return text;
}

std::string npz(const NamedFiles& files) {
  const std::string path = fresh_path("arrays.zip");  // the ending chooses the format
  write_archive(path, files);
  const std::string renamed = std::filesystem::path(path).replace_extension(".npz").string();
  std::filesystem::rename(path, renamed);
  return renamed;
}

std::vector<int> bytes_of(const Hdf5File& file, const std::string& name) {
  const auto values = file.read<std::uint8_t>(name);
  return {values.begin(), values.end()};
}

std::string error_with(const NamedFiles& files, const NumpyOptions& options = {}) {
  const std::string output = fresh_path("out.h5");
  const std::string message =
      error_of([&] { import_numpy({.source = npz(files), .output = output}, options); });
  EXPECT_TRUE(std::filesystem::is_empty(std::filesystem::path(output).parent_path())) << "nothing is left";
  return message;
}

TEST(ImportNumpy, ReadsMedMnist) {
  const std::string output = fresh_path("med.h5");

  import_numpy({.source = npz({{"train_images.npy", npy("|u1", "(2, 2, 3)", counted(12))},
                               {"val_images.npy", npy("|u1", "(1, 2, 3)", "abcdef")},
                               {"test_images.npy", npy("|u1", "(1, 2, 3)", "uvwxyz")},
                               {"train_labels.npy", npy("|u1", "(2, 1)", std::string{2, 0})},
                               {"val_labels.npy", npy("|u1", "(1, 1)", std::string{1})},
                               {"test_labels.npy", npy("|u1", "(1, 1)", std::string{0})}}),
                .output = output});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 2, 3, 1}));
  EXPECT_THAT(bytes_of(file, "train/images"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(bytes_of(file, "test/images"), ElementsAre('u', 'v', 'w', 'x', 'y', 'z'));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(2, 0));
  EXPECT_THAT(file.read<std::int32_t>("validation/labels"), ElementsAre(1));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("0", "1", "2"));
}

TEST(ImportNumpy, ReadsMnistOfKerasAndPadsIt) {
  const std::string output = fresh_path("mnist.h5");

  import_numpy({.source = npz({{"x_test.npy", npy("|u1", "(1, 1, 2)", "yz")},
                               {"x_train.npy", npy("|u1", "(1, 1, 2)", "ab")},
                               {"y_train.npy", npy("|u1", "(1,)", std::string{1})},
                               {"y_test.npy", npy("<i8", "(1,)", numbers<std::int64_t>({0}))}}),
                .output = output},
               {.classes = {"zero", "one"}, .pad = 1});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{1, 3, 4, 1}));
  EXPECT_THAT(bytes_of(file, "train/images"), ElementsAre(0, 0, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 0));
  EXPECT_THAT(file.strings_attribute("/", "classes"), ElementsAre("zero", "one"));
}

struct FormOfFile {
  const char* name;
  std::string type;
  std::string values;  ///< 0 to 11, of images (2, 2, 3)
  int version = 1;
  bool fortran = false;
};

class EveryNpy : public testing::TestWithParam<FormOfFile> {};

TEST_P(EveryNpy, GivesTheSameNumbers) {
  const FormOfFile& form = GetParam();
  const std::string folder = fresh_path("arrays");
  write_text(folder + "/images.npy", npy(form.type, "(2, 2, 3)", form.values, form.version, form.fortran));
  write_text(folder + "/labels.npy", npy("|b1", "(2,)", std::string{0, 1}));
  const std::string output = fresh_path("out.h5");

  import_numpy({.source = folder, .output = output});

  const Hdf5File file = Hdf5File::open(output);
  std::vector<float> values;
  if (form.type == "|u1")
    for (const int value : bytes_of(file, "train/images")) values.push_back(static_cast<float>(value));
  else
    values = file.read<float>("train/images");
  EXPECT_THAT(values, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(0, 1));
}

template <class Value>
std::vector<Value> twelve() {
  std::vector<Value> values(12);
  std::iota(values.begin(), values.end(), Value{0});
  return values;
}

/// [n, y, x] with the first index running fastest: n + 2 y + 4 x is where n 6 + y 3 + x stands.
std::string fortran_bytes() {
  std::string values(12, '\0');
  for (std::size_t i = 0; i < 12; ++i) values[i / 6 + 2 * (i % 6 / 3) + 4 * (i % 3)] = static_cast<char>(i);
  return values;
}

INSTANTIATE_TEST_SUITE_P(
    ImportNumpy, EveryNpy,
    testing::Values(FormOfFile{"Bytes", "|u1", counted(12)}, FormOfFile{"Version2", "|u1", counted(12), 2},
                    FormOfFile{"Version3", "|u1", counted(12), 3},
                    FormOfFile{"Fortran", "|u1", fortran_bytes(), 1, true},
                    FormOfFile{"Float", "<f4", numbers(twelve<float>())},
                    FormOfFile{"BigEndianFloat", ">f4", numbers(twelve<float>(), true)},
                    FormOfFile{"Double", "<f8", numbers(twelve<double>())},
                    FormOfFile{"BigEndianShort", ">i2", numbers(twelve<std::int16_t>(), true)},
                    FormOfFile{"UnsignedLong", "<u8", numbers(twelve<std::uint64_t>())},
                    FormOfFile{"Half", "<f2",
                               numbers<std::uint16_t>({0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600,
                                                       0x4700, 0x4800, 0x4880, 0x4900, 0x4980})}),
    [](const auto& test) { return test.param.name; });

TEST(ImportNumpy, TakesAxesInAnyOrder) {
  const std::string folder = fresh_path("arrays");
  // Channels first: image n, channel c, line y, column x is 12 n + 4 c + 2 y + x.
  write_text(folder + "/x.npy", npy("|u1", "(2, 3, 2, 2)", counted(24)));
  // Samples last: line y, column x, sample n is 6 y + 2 x + n.
  write_text(folder + "/turned.npy", npy("|u1", "(2, 3, 2)", counted(12)));
  write_text(folder + "/y.npy", npy("<i4", "(2,)", numbers<std::int32_t>({1, 2})));
  const std::string first = fresh_path("first.h5");
  const std::string last = fresh_path("last.h5");

  import_numpy({.source = folder, .output = first}, {.first_label = 1, .axes = "NCHW"});
  import_numpy({.output = last},
               {.images = folder + "/turned.npy", .labels = folder + "/y.npy", .axes = "HWN"});

  EXPECT_EQ(Hdf5File::open(first).extents("train/images"), (Extents{2, 2, 2, 3}));
  EXPECT_THAT(
      bytes_of(Hdf5File::open(first), "train/images"),
      ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11, 12, 16, 20, 13, 17, 21, 14, 18, 22, 15, 19, 23));
  EXPECT_THAT(Hdf5File::open(first).read<std::int32_t>("train/labels"), ElementsAre(0, 1));
  EXPECT_THAT(Hdf5File::open(first).strings_attribute("/", "classes"), ElementsAre("1", "2"));
  EXPECT_EQ(Hdf5File::open(last).extents("train/images"), (Extents{2, 2, 3, 1}));
  EXPECT_THAT(bytes_of(Hdf5File::open(last), "train/images"),
              ElementsAre(0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11));
}

TEST(ImportNumpy, TakesFlatVectorsAndOneHotLabels) {
  const std::string output = fresh_path("flat.h5");

  import_numpy({.source = npz({{"X.npy", npy("<f4", "(2, 3)", numbers<float>({1, 2, 3, 4, 5, 6}))},
                               {"y.npy", npy("<f8", "(2, 3)", numbers<double>({0, 0, 1, 1, 0, 0}))}}),
                .output = output});

  const Hdf5File file = Hdf5File::open(output);
  EXPECT_EQ(file.extents("train/images"), (Extents{2, 3}));
  EXPECT_THAT(file.read<std::int32_t>("train/labels"), ElementsAre(2, 0));
}

TEST(ImportNumpy, NamesWhatIsWrong) {
  const std::string images = npy("|u1", "(2, 2, 3)", counted(12));
  const std::string labels = npy("|u1", "(2,)", std::string{0, 1});
  const auto with_images = [&](const std::string& x) {
    return error_with({{"x.npy", x}, {"y.npy", labels}});
  };
  const auto with_labels = [&](const std::string& y) {
    return error_with({{"x.npy", images}, {"y.npy", y}});
  };
  std::string structure = npy("<f4", "(2, 1, 1)", numbers<float>({1, 2}));
  structure.replace(structure.find("'<f4'"), 5, "[('a'");

  EXPECT_THAT(with_images(npy("|O", "(2,)", "\x80\x02]q.")),
              AllOf(HasSubstr("npz, x: holds Python objects"), HasSubstr("np.asarray")));
  EXPECT_THAT(with_images(structure), HasSubstr("structures of several fields"));
  EXPECT_THAT(with_images(npy("<c8", "(2, 1, 1)", std::string(16, '\0'))),
              HasSubstr("values of the type <c8"));
  EXPECT_THAT(with_images(npy("|u1", "(2, 2, 3)", counted(11))), HasSubstr("ends after 11 of 12 bytes"));
  EXPECT_THAT(with_images(npy("|u1", "(2, 2, 3)", counted(13))),
              HasSubstr("more bytes than its header says (12)"));
  EXPECT_THAT(with_images(npy("|u1", "(2, 0, 3)", "")), HasSubstr("one of its extents is 0"));
  EXPECT_THAT(with_images(npy("|u1", "(2, 3, 4, 4)", std::string(96, '\1'))), HasSubstr("--axes NCHW"));
  EXPECT_THAT(with_images(npy("|u1", "(99999999999, 99999999999)", "")),
              HasSubstr("more values than any file"));
  EXPECT_THAT(with_images(npy("<f4", "(2, 1, 1)", numbers<float>({1, std::nanf("")}))),
              HasSubstr("row 1 (counted from 0) has a value that is not finite"));
  EXPECT_THAT(with_images(npy("<i4", "(2, 1, 1)", numbers<std::int32_t>({1, 16777217}))), HasSubstr("2^24"));
  EXPECT_THAT(with_images("PNG or so, but longer"), HasSubstr("does not begin with"));
  EXPECT_THAT(with_labels(npy("|u1", "(3,)", std::string{0, 1, 0})), HasSubstr("holds 3 labels"));
  EXPECT_THAT(with_labels(npy("|u1", "(2, 2)", std::string{1, 0, 1, 1})), HasSubstr("row 1 has 2 numbers"));
  EXPECT_THAT(with_labels(npy("<f4", "(2,)", numbers<float>({0, 0.5F}))),
              HasSubstr("row 1 is not a class number"));
  EXPECT_THAT(
      error_with({{"pictures.npy", images}, {"y.npy", labels}}),
      AllOf(HasSubstr("has labels of train, but not the images"), HasSubstr("It holds: pictures, y.")));
  EXPECT_THAT(error_with({{"a.npy", images}}, {.images = "a", .labels = "b"}),
              HasSubstr("holds no array \"b\""));
  EXPECT_THAT(error_with({{"x.npy", images}, {"train_x.npy", images}, {"y.npy", labels}}),
              HasSubstr("seem to be the same array"));
}

TEST(ImportNumpy, NamesADamagedArchive) {
  const std::string source = npz({{"x.npy", npy("|u1", "(2, 2, 300)", std::string(1200, '\3'))},
                                  {"y.npy", npy("|u1", "(2,)", std::string{0, 1})}});
  const std::string whole = file_text(source);
  const auto error = [&](const std::string& contents) {
    write_text(source, contents);
    return error_of([&] { import_numpy({.source = source, .output = fresh_path("out.h5")}); });
  };

  EXPECT_THAT(error(whole.substr(0, whole.size() / 2)),
              AllOf(HasSubstr(source), HasSubstr("fetch it again")));
  EXPECT_THAT(error(npy("|u1", "(1,)", "x")), HasSubstr("is not a .npz file"));
}

}  // namespace
}  // namespace annulus::io
