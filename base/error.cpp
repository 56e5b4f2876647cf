// Implements the one contract check of the program.
#include "base/error.hpp"

namespace annulus {

void expect_contract(bool holds, const char* rule) {
  if (!holds) throw std::logic_error(std::string("contract broken: ") + rule);
}

}  // namespace annulus
