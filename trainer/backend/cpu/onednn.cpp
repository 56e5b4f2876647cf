// Layout arithmetic and aligned memory.
#include "trainer/backend/cpu/onednn.hpp"

#include <algorithm>
#include <cstring>

namespace annulus::trainer::cpu {

OffsetTables offset_tables(const Desc& desc) {
  const dnnl_memory_desc_t& data = desc.data;
  expect_contract(data.format_kind == dnnl_blocked, "only plain and blocked layouts have offset tables");
  const dnnl_blocking_desc_t& blocking = data.format_desc.blocking;
  OffsetTables tables(static_cast<std::size_t>(data.ndims));
  for (int d = 0; d < data.ndims; ++d) {
    for (dnnl_dim_t i = 0; i < data.dims[d]; ++i) {
      dnnl_dim_t offset = 0, rest = i, inner_stride = 1;
      for (int block = blocking.inner_nblks - 1; block >= 0; --block) {  // innermost block first
        if (blocking.inner_idxs[block] == d) {
          offset += rest % blocking.inner_blks[block] * inner_stride;
          rest /= blocking.inner_blks[block];
        }
        inner_stride *= blocking.inner_blks[block];
      }
      tables[static_cast<std::size_t>(d)].push_back(
          static_cast<std::size_t>(offset + rest * blocking.strides[d]));
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
