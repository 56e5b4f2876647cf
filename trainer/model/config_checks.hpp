// Rules that join several keys of a configuration.
#pragma once

#include "trainer/model/config.hpp"
#include "trainer/model/config_reader.hpp"

namespace annulus::trainer {

/// @param places  where keys were given  @param source  names the configuration when a key is a default
/// @throws UsageError with place, keys, reason and values that would work
void check_config(const Config& config, const Places& places, const std::string& source);

}  // namespace annulus::trainer
