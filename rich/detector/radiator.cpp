// Integrals over the photon energy as sums over equal bins; 1024 of them leave 1e-5 of the yield.
#include "rich/detector/radiator.hpp"

#include <algorithm>
#include <cmath>

#include "rich/detector/photodetector.hpp"

namespace annulus::rich {
namespace {

constexpr std::size_t kBins = 1024;
constexpr std::size_t kQuantiles = 4096;

double sine_squared(double index, double inverse_beta) {
  const double cosine = inverse_beta / index;
  return cosine < 1 ? (1 - cosine) * (1 + cosine) : 0;
}

}  // namespace

RadiatorModel::RadiatorModel(const Rich& rich) {
  const double width = (kHighestEnergyEv - kLowestEnergyEv) / kBins;
  double total = 0;
  for (std::size_t i = 0; i < kBins; ++i) {
    const double energy = kLowestEnergyEv + (static_cast<double>(i) + 0.5) * width;
    const double index = refractive_index(rich.gas, energy);
    const double weight = detection_probability(rich.id, energy) * sine_squared(index, 1);
    if (weight <= 0) continue;
    bins_.push_back({energy, index, weight});
    total += weight;
    largest_index_ = std::max(largest_index_, index);
  }
  double squares = 0;
  double index_minus_one = 0;
  for (Bin& bin : bins_) {
    bin.weight /= total;
    mean_energy_ += bin.weight * bin.energy_ev;
    index_minus_one += bin.weight * (bin.index - 1);
    squares += bin.weight * (bin.index - 1) * (bin.index - 1);
  }
  mean_index_ = 1 + index_minus_one;
  index_spread_ = std::sqrt(squares - index_minus_one * index_minus_one);
  threshold_scale_ = std::sqrt(mean_index_ * mean_index_ - 1);
  saturated_angle_ = std::acos(1 / mean_index_);
  saturated_yield_ = kPhotonsPerMmEv * total * width * rich.efficiency;
  make_quantiles(rich.gas, width);
}

void RadiatorModel::make_quantiles(const Gas& gas, double width) {
  quantiles_.reserve(kQuantiles + 1);
  double below = 0;
  std::size_t bin = 0;
  for (std::size_t i = 0; i <= kQuantiles; ++i) {
    const double wanted = static_cast<double>(i) / kQuantiles;
    while (bin + 1 < bins_.size() && below + bins_[bin].weight < wanted) below += bins_[bin++].weight;
    const double inside = std::clamp((wanted - below) / bins_[bin].weight, 0.0, 1.0) - 0.5;
    const double energy = bins_[bin].energy_ev + inside * width;
    quantiles_.push_back({energy, refractive_index(gas, energy)});
  }
}

double RadiatorModel::angle(Species species, double momentum) const {
  const double cosine = inverse_beta(species, momentum) / mean_index_;
  return cosine < 1 ? std::acos(cosine) : 0;
}

double RadiatorModel::yield_fraction(Species species, double momentum) const {
  const double inverse = inverse_beta(species, momentum);
  if (inverse >= largest_index_) return 0;
  double sum = 0;
  for (const Bin& bin : bins_)
    sum += bin.weight * sine_squared(bin.index, inverse) / sine_squared(bin.index, 1);
  return sum;
}

RadiatorModel::Photon RadiatorModel::photon(double uniform) const {
  const double at = uniform * kQuantiles;
  const auto left = static_cast<std::size_t>(at);
  const double inside = at - static_cast<double>(left);
  const Photon& a = quantiles_[left];
  const Photon& b = quantiles_[left + 1];
  return {a.energy_ev + inside * (b.energy_ev - a.energy_ev), a.index + inside * (b.index - a.index)};
}

}  // namespace annulus::rich
