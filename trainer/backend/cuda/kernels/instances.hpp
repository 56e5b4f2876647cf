// Which instance of a body's template runs: chosen once, when a step is planned, from the element type of its
// tensors and their extents. kernel_list.hpp says which instances exist. Plain.
#pragma once

#include <variant>

#include "trainer/backend/cuda/kernels/element.hpp"

namespace annulus::trainer::cuda {

/// Names an instance: element type, and how many neighbours a thread moves in one access.
template <class T, int P = 1>
struct Instance {};

/// Of bodies that move elements one by one.
using ElementInstance = std::variant<Instance<float>, Instance<BFloat16>>;
/// Of bodies that move whole 16 bytes where they can.
using PackInstance =
    std::variant<Instance<float>, Instance<float, 4>, Instance<BFloat16>, Instance<BFloat16, 8>>;
/// Of bodies that move four elements where they can: sums over columns, dropout.
using QuadInstance =
    std::variant<Instance<float>, Instance<float, 4>, Instance<BFloat16>, Instance<BFloat16, 4>>;

inline ElementInstance elements_of(Element element) {
  if (element == Element::float32) return Instance<float>{};
  return Instance<BFloat16>{};
}

/// Whole 16 bytes when `extent`, what lies without a gap, is a multiple of that.
inline PackInstance packs_of(Element element, std::int64_t extent) {
  if (element == Element::float32) {
    if (extent % kPackOf<float> == 0) return Instance<float, kPackOf<float>>{};
    return Instance<float>{};
  }
  if (extent % kPackOf<BFloat16> == 0) return Instance<BFloat16, kPackOf<BFloat16>>{};
  return Instance<BFloat16>{};
}

/// Four when `extent` is a multiple of that.
inline QuadInstance quads_of(Element element, std::int64_t extent) {
  if (element == Element::float32) {
    if (extent % 4 == 0) return Instance<float, 4>{};
    return Instance<float>{};
  }
  if (extent % 4 == 0) return Instance<BFloat16, 4>{};
  return Instance<BFloat16>{};
}

/// Calls body(Instance<T, P>{}) for the instance chosen.
template <class Chosen, class Body>
void with_instance(const Chosen& chosen, const Body& body) {
  std::visit(body, chosen);
}
/// Calls body with one instance of each.
template <class First, class Second, class Body>
void with_instance(const First& first, const Second& second, const Body& body) {
  std::visit(body, first, second);
}

template <class T>
const T* as(const void* data) {
  return static_cast<const T*>(data);
}
template <class T>
T* as(void* data) {
  return static_cast<T*>(data);
}

}  // namespace annulus::trainer::cuda
