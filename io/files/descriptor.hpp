// Owner of a file descriptor.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/unique_handle.hpp"

namespace annulus::io {

struct DescriptorTraits {
  using type = int;
  static constexpr type null = -1;
  static void close(type descriptor) noexcept {
    if (::close(descriptor) != 0) std::fprintf(stderr, "warning: close: %s\n", std::strerror(errno));
  }
};
using Descriptor = UniqueHandle<DescriptorTraits>;

}  // namespace annulus::io
