// Keys that were given but do nothing: most likely slips, so they are refused and not passed over in silence.
#pragma once

#include <string>
#include <vector>

#include "trainer/model/config.hpp"
#include "trainer/model/config_reader.hpp"

namespace annulus::trainer {

struct IdleKey {
  std::string key;     ///< "optimizer.momentum"
  std::string value;   ///< as YAML
  std::string reason;  ///< "momentum is for sgd and lars, and optimizer.kind is adam (command line)"
};

/// Keys that were given, with another value than their default, and that
///  - the kind of their group does not use (tables kOptimizers and kSchedules), or
///  - only refine a key that was not given at all. Where that one was given, e.g. `patience: 0`, somebody has
///    switched it off on purpose.
/// @param places  where keys were given
std::vector<IdleKey> idle_keys(const Config& config, const Places& places);

/// @throws UsageError naming all idle keys, why they do nothing and how to go on without them
void check_idle_keys(const Config& config, const Places& places);

}  // namespace annulus::trainer
