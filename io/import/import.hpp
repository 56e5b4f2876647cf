// Importers: turn the archives in which data sets are handed around into the dataset file of this program
// (docs/data-format.md). The verbs `annulus data import ...` stand on them.
//
// In: an archive or a folder as its publisher hands it out.
// Out: one dataset file with splits and class names, or several.
// Invariant: the output is complete or absent, and the same for the same source and options. No name in an
// archive becomes a path.
// Next: archive.hpp (files one after another), cifar.cpp (the shortest importer), output.hpp (what all of
// them end with).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/dataset/parts.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/files/existing.hpp"
#include "io/pictures/image_codec.hpp"

namespace annulus::io {

/// Progress of a long import, for a bar: `total` is 0 while unknown.
struct ImportProgress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::string what;  ///< "reading cifar-10-binary.tar.gz", "writing train"
};
/// Called now and then from the thread that imports.
using ProgressCallback = std::function<void(const ImportProgress&)>;

/// Processes that make one data set together, on one file system. One alone needs nothing else.
struct ImportRanks {
  int rank = 0;
  int count = 1;
  /// Returns when all ranks have called it.
  std::function<void(const char* purpose)> meet = [](const char*) {};
  /// Runs `work` on rank 0 while the others wait; what it throws is thrown on all of them.
  std::function<void(const char* purpose, const std::function<void()>& work)> on_first =
      [](const char*, const std::function<void()>& work) { work(); };
};

/// What every import needs to know.
struct ImportOptions {
  std::string source;  ///< archive or folder
  std::string output;  ///< the dataset file to make
  Existing existing = Existing::refuse;
  std::string description;          ///< "" = a sentence that names the source
  double validation_fraction = 0;   ///< [0, 1): share of every class of `train` that becomes `validation`
  std::uint64_t seed = 0;           ///< of the choice of validation images
  int deflate = 0;                  ///< gzip level of the output, 0 to 9
  int threads = 0;                  ///< that decode images; 0 = one per core
  std::string program = "annulus";  ///< name and version, for provenance
  Sharding sharding = {};           ///< into several files (io/dataset/parts.hpp), or one
  ImportRanks ranks = {};           ///< all of them call the importer with the same options
};

// All of them write options.output, or its parts, completely or not at all, and replace what exists only when
// asked.
// @throws UsageError for impossible options, DataError naming file and entry for what is wrong with the
// source,
//         RuntimeError when the output cannot be written

/// CIFAR-10 and CIFAR-100, binary version or the one for Python (pickles, of which nothing is run):
/// cifar-10-binary.tar.gz, cifar-10-python.tar.gz and so on, or the unpacked folder; both give the same.
/// Format: https://www.cs.toronto.edu/~kriz/cifar.html
void import_cifar10(const ImportOptions& options, const ProgressCallback& progress = {});
enum class Cifar100Labels { fine, coarse };
void import_cifar100(const ImportOptions& options, Cifar100Labels labels = Cifar100Labels::fine,
                     const ProgressCallback& progress = {});

/// The four files of an IDX data set when they have unusual names; empty ones are looked for in the source.
struct IdxFiles {
  std::string train_images;
  std::string train_labels;
  std::string test_images;
  std::string test_labels;
};

/// Which of the two axes of stored images is the height.
enum class IdxAxes {
  rows_first,
  columns_first,  ///< as EMNIST has them
};

struct IdxOptions {
  IdxFiles files;
  std::vector<std::string> classes;    ///< names instead of numbers
  int pad = 0;                         ///< zero pixels added on every side (2 makes 28 x 28 into 32 x 32)
  std::string prefix = {};             ///< only files of the folder whose names begin so: "emnist-letters"
  IdxAxes axes = IdxAxes::rows_first;  ///< in the files; the dataset has rows first
  std::int32_t first_label = 0;        ///< the number of the first class
  std::string mapping = {};            ///< file of EMNIST with "label code" lines, which names the classes
};

/// MNIST-style IDX files, plain or gzip: a folder with the four usual names, or files named one by one.
/// Labels are (N) or, as QMNIST has them, (N, K) of which the first column counts; bytes or integers.
/// Format: http://yann.lecun.com/exdb/mnist/
void import_idx(const ImportOptions& options, const IdxOptions& idx = {},
                const ProgressCallback& progress = {});

struct NumpyOptions {
  /// Arrays of an archive, or of a folder of .npy files, by their names; of no source: .npy files. Empty ones
  /// are known by their names, such as train_images, x_train, val_labels, y_test.
  std::string images = {};
  std::string labels = {};
  std::string validation_images = {};
  std::string validation_labels = {};
  std::string test_images = {};
  std::string test_labels = {};
  std::vector<std::string> classes = {};  ///< names instead of numbers
  std::int32_t first_label = 0;           ///< the number of the first class
  std::string axes = {};                  ///< a letter for each axis of the images; "" = NHWC, NHW or NV
  int pad = 0;                            ///< zero pixels added on every side
};

/// Arrays that NumPy has saved: a .npz archive, a folder of .npy files, or these one by one. uint8 stays, all
/// other numbers become float32; Python objects are refused, nothing is run.
void import_numpy(const ImportOptions& options, const NumpyOptions& numpy = {},
                  const ProgressCallback& progress = {});

struct TableOptions {
  std::string label;         ///< name of the column with the class; "" = the last one
  std::string test;          ///< file with the test samples; "" = none
  double test_fraction = 0;  ///< [0, 1): share of the samples that becomes `test`, chosen by the seed
};

/// Flat vectors from text, plain or gzip: one sample per line, columns of numbers and one of classes,
/// separated by semicolons, tabs, commas or spaces, below a line of names or none. Classes are sorted, as
/// numbers where all are.
void import_table(const ImportOptions& options, const TableOptions& table = {},
                  const ProgressCallback& progress = {});

/// What becomes of class folders without a picture that can be read.
enum class EmptyClasses {
  refuse,  ///< or the numbers of the classes behind them would shift without a word
  keep,    ///< each keeps its number and has no images
};

/// What becomes of pictures that cannot be decoded.
enum class Unreadable {
  refuse,
  skip,  ///< left out, and listed in OUTPUT.unreadable.txt
};

struct ImageOptions {
  DecodeOptions decode;
  PixelType pixels = PixelType::uint8;  ///< float32: from 0 to 255 with all that 16-bit pictures hold
  std::int64_t resize_height = 0;       ///< 0 = keep the size, which all of them must share
  std::int64_t resize_width = 0;
  Fit fit = Fit::stretch;  ///< to that size
  EmptyClasses empty_classes = EmptyClasses::refuse;
  Unreadable unreadable = Unreadable::refuse;
  std::string synsets =
      {};  ///< file of lines "FOLDER NAME": order and names of the classes; "" = sorted folders
  bool unlabelled = false;  ///< one split `test` without labels, in order of names, wherever the pictures lie
};

/// JPEG and PNG images in one folder per class, optionally below train/, validation/ and test/ (in any
/// capitals), or in images/ inside those; a folder or an archive. Classes are sorted by name; inside a split
/// images are sorted by class and name and then dealt out evenly, so that any run of rows holds all classes:
/// the result does not depend on the order of the archive. What is left out, turned, or cut to 8 bits is said
/// in the log.
void import_images(const ImportOptions& options, const ImageOptions& images = {},
                   const ProgressCallback& progress = {});

/// Shards by split: tar files, or patterns such as x-{000000..000146}.tar.
struct WebDatasetOptions {
  std::vector<std::string> train;
  std::vector<std::string> validation = {};
  std::vector<std::string> test = {};
  std::vector<std::string> classes = {};  ///< names instead of numbers
  std::int32_t first_label = 0;           ///< the number of the first class
};

/// WebDataset: tar files in which KEY.jpg (jpeg, png) and KEY.cls, or KEY.json with "label": NUMBER, stand
/// together. Samples keep the order of the shards. options.source is only a name for messages.
void import_webdataset(const ImportOptions& options, const WebDatasetOptions& web,
                       const ImageOptions& images = {}, const ProgressCallback& progress = {});

}  // namespace annulus::io
