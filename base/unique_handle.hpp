// One owner template for every C handle (HDF5 ids, MPI requests, library contexts): closes once, never
// throws.
#pragma once

#include <utility>

namespace annulus {

/// Owns a handle of a C library.
/// @tparam Traits  has `using type`, a static constant `type null` and `static void close(type) noexcept`,
///                 which logs a failure instead of throwing it.
template <class Traits>
class UniqueHandle {
 public:
  using type = typename Traits::type;

  UniqueHandle() = default;
  explicit UniqueHandle(type handle) noexcept : handle_(handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.release()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = other.release();
    }
    return *this;
  }
  ~UniqueHandle() { reset(); }

  type get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != Traits::null; }

  /// Gives up ownership without closing.
  type release() noexcept { return std::exchange(handle_, Traits::null); }
  void reset() noexcept {
    if (handle_ != Traits::null) Traits::close(release());
  }

 private:
  type handle_ = Traits::null;
};

}  // namespace annulus
