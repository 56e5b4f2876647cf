// What the CPU backend needs around oneDNN: one check that turns its errors into ours, and arithmetic on its
// memory layouts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <dnnl.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace annulus::trainer::cpu {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

/// A single-precision tensor in a layout; Tag::any lets the library choose.
inline Desc float_desc(const Dims& dims, Tag tag) { return Desc(dims, dnnl::memory::data_type::f32, tag); }

/// The one check of oneDNN: runs `body` and turns dnnl::error into RuntimeError.
/// @param purpose  completes "oneDNN could not ...", with the layer's name and shapes
template <class Body>
auto checked(const std::string& purpose, Body&& body) {
  try {
    return body();
  } catch (const dnnl::error& error) {
    throw RuntimeError(
        "oneDNN could not {}: {} (status {}). The shape may be outside what this version of the library supports, or memory ran out. Try a smaller batch or more shards; ONEDNN_VERBOSE=1 shows its calls.",
        purpose, error.what(), static_cast<int>(error.status));
  }
}

/// Where the elements of a tensor lie: the offset of element (i0, i1, ...) is the sum of tables[d][i_d], in
/// floats from the first. Every plain or blocked layout of oneDNN has this form.
using OffsetTables = std::vector<std::vector<std::size_t>>;
OffsetTables offset_tables(const Desc& desc);

/// Floats that a tensor occupies, padding of blocked layouts included.
inline std::size_t float_count(const Desc& desc) { return desc.get_size() / sizeof(float); }

/// "128, 32, 16, 16".
std::string dims_name(const Dims& dims);

struct FreeMemory {
  void operator()(void* pointer) const noexcept { std::free(pointer); }
};
template <class T>
using AlignedMemory = std::unique_ptr<T[], FreeMemory>;

/// 64-byte aligned, uninitialised. @throws RuntimeError naming `purpose` when there is not enough memory
AlignedMemory<std::byte> allocate_bytes(std::size_t bytes, const char* purpose);
/// The same, filled with zeros.
AlignedMemory<float> allocate_floats(std::size_t count, const char* purpose);

}  // namespace annulus::trainer::cpu
