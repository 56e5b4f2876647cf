// The summary as Keras 2 prints it, so that it can be laid beside one.
#pragma once

#include <string>

#include "trainer/model/network.hpp"

namespace annulus::trainer {

/// Character by character what print_summary() of keras/utils/layer_utils.py (2.2.4) prints: three columns
/// for layers in a row, else "Connected to" and the inputs as well; too long texts are cut off. Names that
/// were not given are numbered from 1 as there (conv2d_1, where checkpoints have conv2d).
std::string keras_summary(const Network& network);

}  // namespace annulus::trainer
