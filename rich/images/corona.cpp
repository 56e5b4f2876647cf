#include "rich/images/corona.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"

namespace annulus::rich {
namespace {

constexpr std::array<float, kRichCount> kFixedHigh{60e-3f, 34e-3f};
/// Of a single photon, direction errors of the track included: margins of the scaled window.
constexpr std::array<double, kRichCount> kPhotonSigma{0.9e-3, 0.55e-3};
constexpr double kMargin = 3;

}  // namespace

void check_options(const CoronaOptions& options) {
  if (options.size < 4 || options.size > 256)
    throw UsageError("The size of corona images is {}, but must lie between 4 and 256.", options.size);
  if (options.clip < 1 || options.clip > 255)
    throw UsageError("The clip of corona images is {}, but must lie between 1 and 255.", options.clip);
}

std::string form_of(const CoronaOptions& options) {
  return fmt::format("window {}, coordinates {}, detectors {}, clip {}", word_of(options.window),
                     word_of(options.coordinates), word_of(options.detectors), options.clip);
}

AngleWindow corona_window(const Rich& rich, const RadiatorModel& radiator, CoronaWindow window,
                          double momentum) {
  const std::size_t which = index_of(rich.id);
  if (window == CoronaWindow::fixed) return {0, kFixedHigh[which]};
  const double margin = kMargin * kPhotonSigma[which];
  const double low = std::max(0.0, radiator.angle(Species::proton, momentum) - margin);
  const double high = radiator.angle(Species::electron, momentum) + margin;
  return {static_cast<float>(low), static_cast<float>(high)};
}

void draw_corona(const CoronaPoints& points, const AngleWindow& window, const CoronaChannel& image) {
  constexpr float kPi = std::numbers::pi_v<float>;
  // Copies: a byte that is written may be any of the values behind the arguments, as far as a compiler knows.
  const int size = image.options.size;
  const int channels = image.options.channels();
  const auto clip = static_cast<std::uint8_t>(image.options.clip);
  const auto [low, high] = window;
  std::uint8_t* const pixels = image.pixels.data() + image.channel;
  const std::span<const float> angles = points.theta;
  const std::span<const float> azimuths = points.phi;
  const float rows_per_rad = static_cast<float>(size) / (high - low);
  const float columns_per_rad = static_cast<float>(size) / (2 * kPi);
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const float theta = angles[i];
    if (!(theta >= low && theta < high)) continue;
    const int row = std::min(static_cast<int>((theta - low) * rows_per_rad), size - 1);
    int column = static_cast<int>((azimuths[i] + kPi) * columns_per_rad);
    if (column >= size) column = 0;  // pi is -pi
    std::uint8_t& pixel = pixels[(row * size + column) * channels];
    pixel = static_cast<std::uint8_t>(pixel + (pixel < clip ? 1 : 0));
  }
}

std::size_t count_inside(std::span<const float> theta, const AngleWindow& window) {
  return static_cast<std::size_t>(std::ranges::count_if(
      theta, [&window](float angle) { return angle >= window.low && angle < window.high; }));
}

}  // namespace annulus::rich
