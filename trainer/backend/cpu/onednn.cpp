// Layout arithmetic and aligned memory.
#include "trainer/backend/cpu/onednn.hpp"

#include <algorithm>
#include <cstring>

#include "trainer/backend/cpu/primitives.hpp"

namespace annulus::trainer::cpu {

OffsetTables offset_tables(const Desc& desc) {
  const Dims dims = extents(desc);
  const auto [strides, inner_blocks, inner_dims] = blocking(desc);
  OffsetTables tables(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    for (dnnl_dim_t i = 0; i < dims[d]; ++i) {
      dnnl_dim_t offset = 0, rest = i, inner_stride = 1;
      for (std::size_t block = inner_blocks.size(); block-- > 0;) {  // innermost block first
        if (inner_dims[block] == static_cast<dnnl_dim_t>(d)) {
          offset += rest % inner_blocks[block] * inner_stride;
          rest /= inner_blocks[block];
        }
        inner_stride *= inner_blocks[block];
      }
      tables[d].push_back(static_cast<std::size_t>(offset + rest * strides[d]));
    }
  }
  return tables;
}

std::string dims_name(const Dims& dims) {
  std::string name;
  for (const auto extent : dims) name += (name.empty() ? "" : ", ") + std::to_string(extent);
  return name;
}

AlignedMemory<std::byte> allocate_bytes(std::size_t bytes, const char* purpose) {
  const std::size_t rounded = std::max<std::size_t>((bytes + 63) / 64 * 64, 64);
  void* pointer = std::aligned_alloc(64, rounded);
  if (pointer == nullptr)
    throw RuntimeError("not enough memory for {} ({} MB). Try a smaller batch, more shards or fewer threads.",
                       purpose, rounded >> 20);
  return AlignedMemory<std::byte>(static_cast<std::byte*>(pointer));
}

AlignedMemory<float> allocate_floats(std::size_t count, const char* purpose) {
  void* bytes = allocate_bytes(count * sizeof(float), purpose).release();
  std::memset(bytes, 0, count * sizeof(float));
  return AlignedMemory<float>(static_cast<float*>(bytes));
}

}  // namespace annulus::trainer::cpu
