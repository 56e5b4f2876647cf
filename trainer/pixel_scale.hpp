// Whether pixels come on the scale on which a model was trained: 0..1 where it was 0..255, or the reverse.
#pragma once

#include "comm/ranks/process_group.hpp"
#include "io/dataset/sample_source.hpp"
#include "trainer/data_splits.hpp"
#include "trainer/model/config.hpp"

namespace annulus::trainer {

/// What the pixels are compared with: those of a model, or those that training itself has just opened.
enum class ScaleOf { model, training };

/// Compares what a network would be given with what it was given in training: stored values times
/// `normalisation.rescale`, by a few images that rank 0 reads. A warning where the scale may be another.
/// Says nothing where the training's is not known, and with `normalisation.kind: per_sample`, which no scale
/// changes. Collective.
/// @throws DataError on all ranks when the two differ by a factor that no picture explains, naming the
/// rescale that would bring them together, unless model.allowed has data.pixels. Splits of one training have
/// one rescale between them: there the remedy is in the file.
void require_same_scale(io::SampleSource& source, const Config& config, const TrainedOn& model,
                        comm::ProcessGroup& group, ScaleOf whose = ScaleOf::model);

}  // namespace annulus::trainer
