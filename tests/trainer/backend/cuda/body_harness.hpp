// Tensors of the device's element types for tests of kernel bodies.
#pragma once

#include <vector>

#include "tests/support/random_tensor.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "trainer/backend/cuda/kernels/activation_body.hpp"
#include "trainer/backend/cuda/kernels/instances.hpp"
#include "trainer/backend/reference/kernel.hpp"

namespace annulus::trainer::cuda {

constexpr Element kElements[] = {Element::float32, Element::bfloat16};

/// Values as the device stores them.
class Stored {
 public:
  Stored(Element element, const std::vector<float>& values)
      : element_(element), bytes_(values.size() * static_cast<std::size_t>(bytes_of(element)) + 16) {
    size_ = values.size();
    with_instance(elements_of(element), [&]<class T>(Instance<T>) {
      run_on_host(ConvertBody<float, T>{.from = values.data(), .to = at<T>(), .elements = count()});
    });
  }
  /// NaN, so that an element nobody writes is seen.
  Stored(Element element, std::size_t size) : Stored(element, std::vector<float>(size, NAN)) {}

  /// 16-byte aligned, as kernels want it.
  void* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data());
    return bytes_.data() + (16 - address % 16) % 16;
  }
  template <class T>
  T* at() {
    return static_cast<T*>(data());
  }
  Element element() const { return element_; }
  std::vector<float> floats() {
    std::vector<float> values(size_);
    with_instance(elements_of(element_), [&]<class T>(Instance<T>) {
      run_on_host(ConvertBody<T, float>{.from = at<T>(), .to = values.data(), .elements = count()});
    });
    return values;
  }
  reference::Tensor doubles() {
    const std::vector<float> values = floats();
    return {values.begin(), values.end()};
  }

 private:
  std::int64_t count() const { return static_cast<std::int64_t>(size_); }

  Element element_;
  std::size_t size_ = 0;
  std::vector<std::byte> bytes_;
};

inline Stored random_stored(Element element, std::int64_t count, std::uint64_t seed) {
  return {element, test::random_floats(static_cast<std::size_t>(count), seed)};
}

/// The result is rounded once: to half of the last of 24 or 8 bits, but sums add a little in float32.
inline double rounding_of(Element element) { return element == Element::float32 ? 1e-6 : 4e-3; }

}  // namespace annulus::trainer::cuda
