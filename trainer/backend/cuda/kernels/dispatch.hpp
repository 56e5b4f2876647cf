// From element types and extents at run time to instances of the kernels' bodies. Plain: what runs an
// instance is an executor, the GPU's in execute.cuh or a loop in tests.
#pragma once

#include <type_traits>

#include "trainer/backend/cuda/kernels/calls.hpp"

namespace annulus::trainer::cuda {

template <class T>
using TypeTag = std::type_identity<T>;
template <int P>
using PackTag = std::integral_constant<int, P>;

/// Calls body(TypeTag<T>) for the element type.
template <class Body>
void with_element(Element element, const Body& body) {
  if (element == Element::float32)
    body(TypeTag<float>{});
  else
    body(TypeTag<BFloat16>{});
}

/// Calls body(TypeTag<T>, PackTag<P>): P is a whole 16 bytes when `extent` is a multiple of that, else 1.
template <class Body>
void with_packs(Element element, std::int64_t extent, const Body& body) {
  with_element(element, [&]<class T>(TypeTag<T> type) {
    if (extent % kPackOf<T> == 0)
      body(type, PackTag<kPackOf<T>>{});
    else
      body(type, PackTag<1>{});
  });
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
