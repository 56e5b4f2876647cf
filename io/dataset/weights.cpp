// See weights.hpp.
#include "io/dataset/weights.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.hpp"
#include "io/dataset/pixels.hpp"

namespace annulus::io {
namespace {

void check_form(const DatasetInfo& info, std::uint64_t samples, const std::string& place) {
  const StoredType& type = info.type;
  if (type.kind != StoredType::Kind::real && !type.is_integer())
    throw DataError("{}: holds {} values, but weights of samples are numbers. Name another dataset.", place,
                    to_string(type));
  const Extents& extents = info.extents;
  std::uint64_t count = extents.empty() ? 0 : 1;
  for (const std::int64_t extent : extents)
    count *= static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 0));
  const bool is_list =
      std::ranges::count_if(extents, [](std::int64_t extent) { return extent != 1; }) <= 1 && count > 0;
  if (!is_list)
    throw DataError("{}: has the shape ({}), but weights have the shape (N): a number for each image.", place,
                    fmt::join(extents, ", "));
  if (count != samples)
    throw DataError(
        "{}: has {} weights, but there are {} images; every image needs exactly one. Do the two names belong together?",
        place, count, samples);
}

[[noreturn]] void refuse(const std::string& place, std::size_t row, float weight) {
  if (std::isfinite(weight))
    throw DataError(
        "{}: row {} has the weight {}, but weights are not below 0: training would make the loss of that sample larger. Take the absolute value, or drop that row (simulated events of negative weight cancel others only in sums over many, not in a training step).",
        place, row, weight);
  throw DataError(
      "{}: row {} has the weight {}, which is not a finite float32 number. Mend or drop that row.", place,
      row, weight);
}

}  // namespace

std::vector<float> read_weights(const Hdf5File& file, const std::string& name, std::uint64_t samples) {
  const Hdf5Dataset dataset = file.dataset(name);
  const std::string place = file.path() + ", " + name;
  check_form(dataset.info(), samples, place);
  checked_bytes(dataset.info(), file.path(), name);
  std::vector<float> weights(samples);
  constexpr std::uint64_t kBlock = 1 << 20;
  const std::uint64_t rows = dataset.info().rows();
  const std::uint64_t row = dataset.row_size();
  for (std::uint64_t first = 0; first < rows; first += kBlock) {
    const std::uint64_t count = std::min(kBlock, rows - first);
    read_floats(dataset, first, count, std::span(weights).subspan(first * row, count * row), Inexact::round);
  }
  const auto bad =
      std::ranges::find_if(weights, [](float weight) { return !(weight >= 0 && std::isfinite(weight)); });
  if (bad != weights.end()) refuse(place, static_cast<std::size_t>(bad - weights.begin()), *bad);
  return weights;
}

}  // namespace annulus::io
