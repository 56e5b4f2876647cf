// See pixel_scale.hpp. The numbers come from io/dataset/signature.cpp; here they become sentences.
#include "trainer/pixel_scale.hpp"

#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "trainer/loop/rank_zero.hpp"
#include "trainer/run/resume_rules.hpp"

namespace annulus::trainer {
namespace {

/// A factor as people write it, for `normalisation.rescale`.
std::string factor_text(double factor) {
  for (const double whole : {255.0, 65025.0, 65535.0})
    if (std::abs(factor * whole - 1) < 1e-4) return fmt::format("1/{:.0f}", whole);
  return fmt::format("{:.6g}", factor);
}

std::string pixels_text(const io::PixelFacts& pixels) {
  return fmt::format("{} pixels from {:.4g} to {:.4g}", word_of(pixels.type), pixels.smallest,
                     pixels.largest);
}

/// The rescale that brings `given` onto the scale of the training: by the units that values of such sizes are
/// in, or, where these are not plain, by the largest value.
double fitting_rescale(const io::PixelFacts& trained, const io::PixelFacts& given) {
  const auto unit = [](const io::PixelFacts& pixels) {
    const double largest = std::max(std::abs(pixels.smallest), std::abs(pixels.largest));
    if (pixels.type == io::PixelType::uint8 && largest > 1) return 255.0;
    for (const double full : {1.0, 255.0, 65535.0})
      if (largest <= full && largest > full / 4) return full;
    return largest;
  };
  return trained.rescale * unit(trained) / unit(given);
}

std::string difference(const io::SourceInfo& info, const io::PixelFacts& trained, const io::PixelFacts& given,
                       ScaleOf whose) {
  return fmt::format(
      "{}: holds {}, which normalisation.rescale = {} makes {:.4g} to {:.4g}; {} {}, made {:.4g} to {:.4g}",
      info.name, pixels_text(given), factor_text(given.rescale), given.smallest * given.rescale,
      given.largest * given.rescale,
      whose == ScaleOf::model ? "the model was trained on" : "the training samples are", pixels_text(trained),
      trained.smallest * trained.rescale, trained.largest * trained.rescale);
}

}  // namespace

void require_same_scale(io::SampleSource& source, const Config& config, const TrainedOn& model,
                        comm::ProcessGroup& group, ScaleOf whose) {
  if (!model.data || config.normalisation.kind == io::Normalisation::Kind::per_sample) return;
  const io::PixelFacts& trained = model.data->pixels;
  if (!trained.measured) return;
  on_rank_zero(group, "scale of the pixels", [&] {
    const io::PixelFacts given = io::measure_pixels(source, config.normalisation.rescale);
    const io::PixelScale scale = io::compare_pixels(trained, given);
    if (scale == io::PixelScale::same) return;
    const std::string words = difference(source.info(), trained, given, whose);
    if (scale == io::PixelScale::doubtful || allows(model.allowed, kDataPixels))
      return log_warning("{}. If the pixels mean the same, all is well; if not, its answers mean nothing",
                         words);
    if (whose == ScaleOf::training)
      throw DataError(
          "{}. Validation on another scale means nothing. If the pixels are the same in other units, bring both splits to one scale in the file, as normalisation.rescale acts on both; if they are really that different, --allow-change data.pixels.",
          words);
    throw DataError(
        "{}. On another scale its answers mean nothing. If the pixels are the same in other units, add normalisation.rescale={}; if they are really that different, --allow-change data.pixels.",
        words, factor_text(fitting_rescale(trained, given)));
  });
}

}  // namespace annulus::trainer
