// Where predictions go: an HDF5 file, a table of text, or the terminal.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/dataset/row_set.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/files/existing.hpp"
#include "trainer/commands/common/load.hpp"

namespace annulus::trainer {

/// What is predicted, and by what.
struct PredictionTask {
  std::string output;  ///< its name's ending says the form: .csv, .txt, else HDF5; "" = the terminal
  io::Existing existing = io::Existing::refuse;
  std::string split;                    ///< of the file that the images come from; "" where they are pictures
  std::vector<std::string> files = {};  ///< of that split, one after another
  std::string columns;  ///< group of that file whose columns `track` and `momentum` go along; "" = none
  bool labelled = false;
  std::vector<std::string> pictures = {};  ///< paths of the samples; empty: they are rows of a file
};

class Predictions {
 public:
  virtual ~Predictions() = default;
  /// The next samples: (n, classes) probabilities and labels (n).
  virtual void append(std::span<const float> probabilities, std::span<const std::int32_t> labels) = 0;
  /// All samples were there: files get their name now.
  virtual void finish() = 0;
};

/// Rank 0 only. What it is given must outlive it. @throws UsageError, RuntimeError for an output that exists
/// or cannot be made
std::unique_ptr<Predictions> make_predictions(const PredictionTask& task, const ModelSource& model,
                                              const io::SourceInfo& data, std::int64_t classes);

// Internal: one function a form.

/// What the forms share.
struct PredictionContext {
  const PredictionTask& task;
  const ModelSource& model;
  const io::SourceInfo& data;
  std::size_t classes = 0;

  /// One name per column of probabilities: the model's own. Of a model that was trained without names, and of
  /// one by a version that kept none, only numbers are known, whatever the input calls its classes.
  std::vector<std::string> names() const;
};

/// The most probable class, of equals the first.
std::size_t likeliest_class(std::span<const float> probabilities);

std::unique_ptr<Predictions> make_hdf5_predictions(const PredictionContext& context);
std::unique_ptr<Predictions> make_csv_predictions(const PredictionContext& context);
std::unique_ptr<Predictions> make_text_predictions(const PredictionContext& context);

}  // namespace annulus::trainer
