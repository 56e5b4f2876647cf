// What `--debug` looks for after every step, the same for every backend: a value that is NaN or infinite. In
// goes a tensor that the backend can search, out comes nothing, or an error that names layer, pass and
// sample.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trainer/backend/contract/bad_value.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// A tensor, (samples, ...) where it belongs to samples, in whatever memory the backend has it.
struct SearchedTensor {
  struct Bad {
    std::size_t index = 0;  ///< in the tensor
    float value = 0;        ///< NaN or Inf
  };
  std::size_t size = 0;
  /// The first value of [first, first + count) that is NaN or infinite.
  std::function<std::optional<Bad>(std::size_t first, std::size_t count)> first_bad;
};

/// Values in the host's memory, which outlive the result. A double beyond float's range counts as infinite:
/// a float would be.
SearchedTensor searched(std::span<const float> values);
SearchedTensor searched(std::span<const double> values);

/// The checks of one shard, or of one block of samples in inference.
class ProgramChecks {
 public:
  /// @param numbers  of the samples; empty in inference
  ProgramChecks(const Network& network, std::int64_t samples, std::vector<std::uint64_t> numbers)
      : network_(network), samples_(static_cast<std::size_t>(samples)), numbers_(std::move(numbers)) {}

  // All of them throw BadValueError when they find something. The inputs are looked at before any layer
  // runs: a NaN pixel may vanish in the first ReLU.
  void images(const SearchedTensor& values) const;
  /// @param values  (samples, total_length(Network::vectors))
  void vectors(const SearchedTensor& values) const;
  void output(int layer, const SearchedTensor& values) const;
  /// The gradient of an input of this layer.
  void passed_back(int layer, const SearchedTensor& values) const;
  void parameter_gradient(int layer, int parameter, const SearchedTensor& values) const;

 private:
  using Bad = SearchedTensor::Bad;
  std::string sample_of(const SearchedTensor& values, const Bad& bad) const;
  BadValue describe(BadValue found, const SearchedTensor& values, const Bad& bad) const;
  void check_pass(int layer, BadPlace place, const SearchedTensor& values) const;

  const Network& network_;
  std::size_t samples_;
  std::vector<std::uint64_t> numbers_;
};

}  // namespace annulus::trainer
