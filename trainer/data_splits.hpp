// Opens the splits that a config names, checks that they fit the network, and makes the generators for them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/node_memory.hpp"
#include "comm/ranks/process_group.hpp"
#include "io/augmentation/augmentation.hpp"
#include "io/dataset/sample_source.hpp"
#include "io/dataset/signature.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

enum class Split { train, validation, test };

/// Makes the samples of a split for a config with data.generator. Null when it makes none of this split.
/// Collective over the ranks of a host.
/// @throws UsageError when it does not know the generator, or cannot do what the config asks for
using SourceFactory =
    std::function<std::unique_ptr<io::SampleSource>(const Config&, Split, const NodeMemoryFactory&)>;

/// What the samples are made to match: the data that a model was trained on.
struct TrainedOn {
  std::optional<io::DataSignature> data;  ///< nothing: not known; labels and columns are taken as they stand
  /// Which differences the user takes: `data.classes`, `data.columns`, `data.pixels`, or `data` for all.
  std::vector<std::string> allowed = {};
  bool labelled = true;                       ///< whether labels count
  std::vector<std::string>* notes = nullptr;  ///< gets what was mapped, in sentences
  /// Whether there are weights, which fit one network alone. So they do wherever `data` are known; a
  /// checkpoint of an older version knows none.
  bool has_weights = false;
};

/// What a training works on.
struct TrainingData {
  std::unique_ptr<io::SampleSource> training;
  std::unique_ptr<io::SampleSource> validation;  ///< null: there is nothing to validate on
  std::string validated_on;                      ///< group of the file, or "0.1 of train"; "" for none
};

/// Opens the training samples and what is validated on (trainer/validation_split.hpp). With data.generator
/// the factory makes the training samples, and the others when there is no data.path. Collective over the
/// ranks of a host.
/// @throws DataError, UsageError (shape or class count unlike the network's, a group that is not there)
/// @param before  what an earlier start of the run was trained on
TrainingData open_training_data(const Config& config, const NodeMemoryFactory& memory,
                                const SourceFactory& factory = {}, const TrainedOn* before = nullptr);

/// Training samples alone, as a training sees them.
std::unique_ptr<io::SampleSource> open_training(const Config& config, const NodeMemoryFactory& memory,
                                                const SourceFactory& factory = {},
                                                const TrainedOn* before = nullptr);

/// Any group of the file, by name and as a whole; of a config with data.generator and without data.path the
/// validation or test split.
std::unique_ptr<io::SampleSource> open_group(const Config& config, const std::string& group,
                                             const NodeMemoryFactory& memory,
                                             const SourceFactory& factory = {},
                                             const TrainedOn* model = nullptr);

/// A split of data.path under the names that the config gives it, whole.
std::unique_ptr<io::SampleSource> open_split(const Config& config, Split split,
                                             const NodeMemoryFactory& memory,
                                             const TrainedOn* model = nullptr);

/// Samples from elsewhere as a model takes them: labels and columns by name, checked against its network.
/// @throws as open_group()
std::unique_ptr<io::SampleSource> fit_to_model(std::unique_ptr<io::SampleSource> source, const Config& config,
                                               const TrainedOn& model);

/// open_group() for those who judge a model: of a run that has kept a part of its training samples for
/// validation, `train` and `validation` are these two parts, as long as the file holds the data that it was
/// trained on.
/// @param trained_on  data_fingerprint() of the training samples, as the checkpoint has it
std::unique_ptr<io::SampleSource> open_judged(const Config& config, const std::string& group,
                                              const std::string& trained_on, const NodeMemoryFactory& memory,
                                              const SourceFactory& factory = {},
                                              const TrainedOn* model = nullptr);

/// Compares what the ranks have opened: each opens the path on its own host. Collective.
/// @param source  null on a rank that has found no such split
/// @return data_fingerprint() of the source (trainer/run/resume_rules.hpp); empty for none
/// @throws DataError on all ranks, naming two that differ
std::string require_same_data(io::SampleSource* source, const std::string& path, comm::ProcessGroup& group);

/// @throws UsageError when the config says that its data have no labels, which only predictions can do
/// without
void require_labels(const Config& config);

/// Fills in mean and deviation of a per-feature normalisation from the training split, unless the config has
/// them. The resolved text of the config then holds them too, so that evaluation needs no training data.
/// Collective: rank 0 reads the split once and tells the others. @throws DataError, on all ranks
/// @param known  rank 0: what was measured of these data before; without a mean: nothing is known
void resolve_normalisation(Config& config, io::SampleSource& training, comm::ProcessGroup& group,
                           const io::Normalisation& known = {});

/// Generator for training (augmentation and normalisation) and for evaluation (normalisation, and the
/// middle of the images where a training crops).
io::Generator training_generator(const Config& config, const io::SourceInfo& source);
io::Generator evaluation_generator(const Config& config, const io::SourceInfo& source);

}  // namespace annulus::trainer
