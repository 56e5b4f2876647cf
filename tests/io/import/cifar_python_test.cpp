// CIFAR in its version for Python: the same data set as the binary version gives, and nothing of a pickle
// runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/import/pickle_writer.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using pickled::Writer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::size_t kImage = 3 * 32 * 32;

/// All bytes, each value at other places in each image.
std::string planes(int image) {
  std::string text;
  for (std::size_t i = 0; i < kImage; ++i)
    text += static_cast<char>((static_cast<std::size_t>(image) * 50 + i / 1024 * 17 + i) % 256);
  return text;
}

struct Batch {
  std::vector<int> images;
  std::vector<int> labels;
};

std::string binary(const Batch& batch) {
  std::string text;
  for (std::size_t i = 0; i < batch.images.size(); ++i)
    text += static_cast<char>(batch.labels[i]) + planes(batch.images[i]);
  return text;
}

std::string joined(const Batch& batch) {
  std::string values;
  for (const int image : batch.images) values += planes(image);
  return values;
}

/// As cifar-10-python.tar.gz has it: batch_label, labels, data, filenames.
std::string pickle_with(const std::string& data, Writer writer, const Batch& batch,
                        const std::string& labels_key = "labels") {
  std::vector<std::string> labels;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < batch.images.size(); ++i) {
    labels.push_back(pickled::number(static_cast<std::size_t>(batch.labels[i])));
    names.push_back(pickled::text(writer, "camion_s_000148.png"));
  }
  const auto key = [&](const std::string& word) { return pickled::text(writer, word); };
  return pickled::dictionary(
      writer, {key("batch_label"), key("training batch 1 of 5"), key(labels_key), pickled::list(labels),
               key("data"), data, key("filenames"), pickled::list(names)});
}

std::string pickle(Writer writer, const Batch& batch, const std::string& labels_key = "labels") {
  return pickle_with(pickled::array(writer, {batch.images.size(), kImage}, "u1", joined(batch)), writer,
                     batch, labels_key);
}

std::string meta(Writer writer, const std::vector<std::string>& keys) {
  std::vector<std::string> entries{pickled::text(writer, "num_vis"), pickled::number(3072)};
  for (const std::string& key : keys) {
    entries.push_back(pickled::text(writer, key));
    entries.push_back(pickled::list({pickled::text(writer, "cat"), pickled::text(writer, "dog")}));
  }
  return pickled::dictionary(writer, entries);
}

Batch batch_of(int number) { return {{2 * number, 2 * number + 1}, {0, 1}}; }

NamedFiles python_files(Writer writer) {
  NamedFiles files{{"cifar-10-batches-py/batches.meta", meta(writer, {"label_names"})},
                   {"cifar-10-batches-py/readme.html", "<html>"},
                   {"cifar-10-batches-py/test_batch", pickle(writer, {{20}, {1}})}};
  for (int i = 1; i <= 5; ++i)
    files.emplace_back("cifar-10-batches-py/data_batch_" + std::to_string(i), pickle(writer, batch_of(i)));
  return files;
}

NamedFiles binary_files() {
  NamedFiles files{{"batches.meta.txt", "cat\ndog\n\n"}, {"test_batch.bin", binary({{20}, {1}})}};
  for (int i = 1; i <= 5; ++i)
    files.emplace_back("data_batch_" + std::to_string(i) + ".bin", binary(batch_of(i)));
  return files;
}

std::string archive(const NamedFiles& files) {
  const std::string path = fresh_path("cifar-10-python.tar.gz");
  write_archive(path, files);
  return path;
}

void expect_same_data(const std::string& path, const std::string& reference) {
  const Hdf5File file = Hdf5File::open(path);
  const Hdf5File expected = Hdf5File::open(reference);
  EXPECT_EQ(file.strings_attribute("/", "classes"), expected.strings_attribute("/", "classes"));
  EXPECT_EQ(file.string_attribute("/", "description"), expected.string_attribute("/", "description"));
  for (const char* split : {"train", "test"}) {
    const std::string name = split;
    EXPECT_EQ(file.read<std::uint8_t>(name + "/images"), expected.read<std::uint8_t>(name + "/images"));
    EXPECT_EQ(file.read<std::int32_t>(name + "/labels"), expected.read<std::int32_t>(name + "/labels"));
  }
}

class EveryPickle : public testing::TestWithParam<Writer> {};

TEST_P(EveryPickle, GivesWhatTheBinaryVersionGives) {
  const std::string output = fresh_path("python.h5");
  const std::string reference = fresh_path("binary.h5");

  import_cifar10({.source = archive(python_files(GetParam())), .output = output});
  import_cifar10({.source = archive(binary_files()), .output = reference});

  expect_same_data(output, reference);
  EXPECT_THAT(Hdf5File::open(output).string_attribute("/", "provenance_data_batch_1"), HasSubstr("xxh64 "));
}

INSTANTIATE_TEST_SUITE_P(ImportCifarPython, EveryPickle,
                         testing::Values(Writer::python2, Writer::python3_for_2, Writer::protocol4,
                                         Writer::protocol5));

TEST(ImportCifarPython, TakesArraysOfEveryOrderAndLabelsOfNumpy) {
  const Batch batch = batch_of(3);
  const std::string rows = joined(batch);
  std::string turned;  // the first index runs fastest
  for (std::size_t i = 0; i < kImage; ++i)
    for (std::size_t row = 0; row < 2; ++row) turned += rows[row * kImage + i];
  NamedFiles files = python_files(Writer::python2);
  files[3].second = pickle_with(pickled::array(Writer::python2, {2, 3, 32, 32}, "u1", joined(batch_of(1))),
                                Writer::python2, batch_of(1));
  files[5].second =
      pickle_with(pickled::array(Writer::python2, {2, kImage}, "u1", turned, true), Writer::python2, batch);
  files[6].second = pickled::dictionary(
      Writer::protocol4, {pickled::text(Writer::protocol4, "data"),
                          pickled::array(Writer::protocol4, {2, kImage}, "u1", joined(batch_of(4))),
                          pickled::text(Writer::protocol4, "labels"),
                          pickled::array(Writer::protocol4, {2}, "i8",
                                         pickled::little_endian(0, 8) + pickled::little_endian(1, 8))});
  const std::string output = fresh_path("python.h5");
  const std::string reference = fresh_path("binary.h5");

  import_cifar10({.source = archive(files), .output = output});
  import_cifar10({.source = archive(binary_files()), .output = reference});

  expect_same_data(output, reference);
}

TEST(ImportCifarPython, HundredFromAFolderFineAndCoarse) {
  const std::string folder = fresh_path("cifar-100-python");
  const Batch train{{0, 1, 2}, {0, 1, 1}};
  const auto both = [&](const Batch& batch) {
    std::vector<std::string> fine;
    std::vector<std::string> coarse;
    for (const int label : batch.labels) {
      fine.push_back(pickled::number(static_cast<std::size_t>(label)));
      coarse.push_back(pickled::number(static_cast<std::size_t>(1 - label)));
    }
    const auto key = [](const std::string& word) { return pickled::text(Writer::python2, word); };
    return pickled::dictionary(
        Writer::python2,
        {key("fine_labels"), pickled::list(fine), key("coarse_labels"), pickled::list(coarse), key("data"),
         pickled::array(Writer::python2, {batch.images.size(), kImage}, "u1", joined(batch))});
  };
  write_text(folder + "/meta", meta(Writer::python2, {"fine_label_names", "coarse_label_names"}));
  write_text(folder + "/train", both(train));
  write_text(folder + "/test", both({{3}, {1}}));
  const std::string fine = fresh_path("fine.h5");
  const std::string coarse = fresh_path("coarse.h5");

  import_cifar100({.source = folder, .output = fine});
  import_cifar100({.source = folder, .output = coarse}, Cifar100Labels::coarse);

  EXPECT_THAT(Hdf5File::open(fine).read<std::int32_t>("train/labels"), ElementsAre(0, 1, 1));
  EXPECT_THAT(Hdf5File::open(coarse).read<std::int32_t>("train/labels"), ElementsAre(1, 0, 0));
  EXPECT_EQ(Hdf5File::open(fine).extents("test/images"), (Extents{1, 32, 32, 3}));
}

class BadPickle : public testing::Test {
 protected:
  /// What an import says when data_batch_2 is this.
  static std::string error(const std::string& contents) {
    NamedFiles files = python_files(Writer::python2);
    files[4].second = contents;
    const std::string output = fresh_path("out.h5");
    const std::string message =
        error_of([&] { import_cifar10({.source = archive(files), .output = output}); });
    EXPECT_FALSE(std::filesystem::exists(output));
    return message;
  }
  static std::string with_value(const std::string& value) {
    return pickled::dictionary(Writer::python2, {pickled::text(Writer::python2, "data"), value});
  }
};

TEST_F(BadPickle, RunsNothing) {
  const std::string witness = fresh_path("witness");
  const std::string command = "touch " + witness;
  const std::string call = "cposix\nsystem\n" + pickled::text(Writer::python2, command) + "\x85R";

  EXPECT_THAT(error(with_value(call)), AllOf(HasSubstr("data_batch_2: asks to run \"posix.system\""),
                                             HasSubstr("nothing in a pickle is")));
  EXPECT_FALSE(std::filesystem::exists(witness));
  EXPECT_THAT(error(with_value("c__builtin__\neval\nU\0011\x85R")), HasSubstr("\"__builtin__.eval\""));
  EXPECT_THAT(error(with_value("\x8c\5numpy\x8c\4load\x93U\001x\x85R")), HasSubstr("\"numpy.load\""));
  EXPECT_THAT(error(with_value("(S'x'\niposix\nsystem\n")), HasSubstr("the operation INST (0x69)"));
  EXPECT_THAT(error(with_value("cnumpy\nndarray\n)\x81")), HasSubstr("the operation NEWOBJ (0x81)"));
  EXPECT_THAT(error(with_value("Pperson\n")), HasSubstr("the operation PERSID (0x50)"));
  EXPECT_THAT(error(with_value("cnumpy\nndarray\nK\001\x85R")),
              HasSubstr("calls numpy.ndarray as no array does"));
}

TEST_F(BadPickle, IsNamedWhereverItIsWrong) {
  const std::string whole = pickle(Writer::python2, batch_of(2));
  const auto array = [](const std::vector<std::size_t>& extents, const std::string& word) {
    return pickle_with(pickled::array(Writer::python2, extents, word, joined(batch_of(2))), Writer::python2,
                       batch_of(2));
  };

  for (const std::size_t size : {whole.size() / 2, whole.size() - 1, std::size_t{1}, std::size_t{0}})
    EXPECT_THAT(error(whole.substr(0, size)),
                AllOf(HasSubstr("data_batch_2: at byte"), HasSubstr("ends too early")));
  EXPECT_THAT(error(array({3, kImage}, "u1")), HasSubstr("an array claims more values than it has"));
  EXPECT_THAT(error(array({1, kImage}, "u1")), HasSubstr("claims 3072 bytes, but has 6144"));
  EXPECT_THAT(error(array({2, kImage / 2}, "i2")), HasSubstr("its data is int16 (2, 1536)"));
  EXPECT_THAT(error(array({2, kImage}, "O8")), HasSubstr("Python objects"));
  EXPECT_THAT(error(pickle(Writer::python2, {{0, 1}, {0, 2}})), HasSubstr("record 1 has the label 2"));
  EXPECT_THAT(error(pickle(Writer::python2, batch_of(2), "coarse_labels")),
              HasSubstr("has no 'labels'. It has: "));
  EXPECT_THAT(error("\x80\x02K\1."), HasSubstr("has no 'data'. It has: no dictionary"));
  EXPECT_THAT(error("\x80\x02h\7."), HasSubstr("asked for that was not kept"));
  EXPECT_THAT(error("\x80\x02t."), HasSubstr("a mark is missing"));
  EXPECT_THAT(error("\x80\x02R."), HasSubstr("a value is missing"));
  EXPECT_THAT(error(std::string(2000, '(')), HasSubstr("more than 1000 deep"));
}

TEST_F(BadPickle, TellsTheTwoDataSetsApart) {
  const auto hundred = [](const NamedFiles& files) {
    return error_of([&] { import_cifar100({.source = archive(files), .output = fresh_path("out.h5")}); });
  };
  NamedFiles lacking = python_files(Writer::python2);
  lacking.erase(lacking.begin() + 5);

  EXPECT_THAT(hundred(python_files(Writer::python2)), HasSubstr("use `annulus data import cifar10`"));
  EXPECT_THAT(error_of([&] { import_cifar10({.source = archive(lacking), .output = fresh_path("out.h5")}); }),
              AllOf(HasSubstr("lacks data_batch_3,"), HasSubstr("cifar-10-python.tar.gz")));
}

}  // namespace
}  // namespace annulus::io
