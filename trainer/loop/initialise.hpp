// The values a run starts from: a pure function of (seed, layer, parameter, element), so every rank, backend
// and world size starts from the same network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/backend/contract/replica.hpp"
#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// Initial values of one parameter in Keras' order and extents.
///  - glorot_uniform: uniform in (-l, l), l = sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, equation
///  16);
///  - he_uniform: l = sqrt(6 / fan_in);
///  - kaiming_normal: normal with variance 2 / fan_in (He et al. 2015, equation 10), as PyTorch's
///  kaiming_normal_;
///  - he_normal: the same variance, but nothing beyond two deviations of a normal that is wider to make up
///  for it, as Keras' HeNormal;
///  - zeros, ones;
///  - Parameter::fixed where the configuration gives the values.
/// Element e takes word e % 4 of philox(stream_key(seed, Purpose::initialise), {e / 4, high part of e / 4,
/// layer, parameter}). A value that he_normal refuses is drawn anew with 2^16, 2 * 2^16, ... added to the
/// high part.
std::vector<float> initial_values(const Network& network, int layer, int parameter, std::uint64_t seed);

/// Compares fixed weights with what a checkpoint has brought. @param source  of the checkpoint, for the
/// message
/// @throws UsageError naming the layer whose values differ
void require_fixed_weights(Replica& replica, const std::string& source);

/// Writes the weights that the configuration fixes over what a checkpoint had there: a run may go on with
/// others
/// (`--allow-change network`).
void write_fixed_weights(Replica& replica);

/// Writes the initial values of all parameters and moving averages into the replica's arenas.
void initialise(Replica& replica, std::uint64_t seed);

}  // namespace annulus::trainer
