#include "trainer/model/top_k.hpp"

#include <fmt/format.h>

namespace annulus::trainer {

std::string top_accuracy_key(int k) { return fmt::format("top_{}_accuracy", k); }

}  // namespace annulus::trainer
