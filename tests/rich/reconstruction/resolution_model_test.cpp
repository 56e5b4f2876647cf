// Terms of the resolution add in quadrature, each of them once.
#include "rich/reconstruction/resolution.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "rich/detector/detector.hpp"
#include "rich/detector/radiator.hpp"

namespace annulus::rich {
namespace {

TEST(ResolutionModel, AddsItsTermsInQuadrature) {
  for (const Preset preset : {Preset::run3, Preset::hpd})
    for (const Rich& rich : make_detector(preset).riches) {
      const RadiatorModel radiator(rich);
      const ResolutionModel model(rich, radiator);
      const double momentum = 30;
      const double theta = radiator.angle(Species::pion, momentum);
      double variance = rich.blur * rich.blur;
      for (const double term : {model.chromatic(theta), model.emission(theta), model.direction(momentum),
                                model.momentum(Species::pion, momentum, theta)}) {
        EXPECT_GT(term, 0);
        variance += term * term;
      }

      EXPECT_NEAR(model.without_pixel(Species::pion, momentum, theta), std::sqrt(variance), 1e-9)
          << rich.name;
    }
}

TEST(ResolutionModel, HpdsBlurWhatRun3DoesNot) {
  const Detector run3 = make_detector(Preset::run3), hpd = make_detector(Preset::hpd);
  for (std::size_t i = 0; i < kRichCount; ++i) {
    const RadiatorModel radiator(run3.riches[i]);
    const double sharp = ResolutionModel(run3.riches[i], radiator).without_pixel(Species::pion, 30, 0.03);
    const double blurred = ResolutionModel(hpd.riches[i], radiator).without_pixel(Species::pion, 30, 0.03);

    EXPECT_NEAR(blurred * blurred - sharp * sharp, hpd.riches[i].blur * hpd.riches[i].blur, 1e-9);
    EXPECT_GT(hpd.riches[i].blur, 0.4e-3);
  }
}

}  // namespace
}  // namespace annulus::rich
