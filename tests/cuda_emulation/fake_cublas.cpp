// cuBLASLt's product D = op(A) * op(B), column by column, with the epilogues that the model asks for.
#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/cuda_emulation/fake_cuda.hpp"
#include "trainer/backend/cuda/kernels/element.hpp"

using annulus::test::alignment_of;
using annulus::test::rounded_to_tf32;
using annulus::trainer::cuda::BFloat16;
using annulus::trainer::cuda::from_float;
using annulus::trainer::cuda::to_float;

namespace {

struct Operation {
  bool tf32 = false;
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* vector = nullptr;
  std::int32_t vector_type = -1;
};
struct Layout {
  cudaDataType_t type;
  std::uint64_t rows, columns;
  std::int64_t ld;

  double at(const void* data, std::uint64_t row, std::uint64_t column) const {
    const std::size_t place = row + column * static_cast<std::uint64_t>(ld);
    if (type == CUDA_R_32F) return static_cast<double>(static_cast<const float*>(data)[place]);
    return static_cast<double>(to_float(static_cast<const BFloat16*>(data)[place]));
  }
  void set(void* data, std::uint64_t row, std::uint64_t column, double value) const {
    const std::size_t place = row + column * static_cast<std::uint64_t>(ld);
    if (type == CUDA_R_32F)
      static_cast<float*>(data)[place] = static_cast<float>(value);
    else
      static_cast<BFloat16*>(data)[place] = from_float<BFloat16>(static_cast<float>(value));
  }
};

struct Preference {
  std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  std::uint64_t workspace = 0;
  std::uint32_t alignment = 256;  // of the matrices, the least that was told
};

/// What an algorithm relies on, in cublasLtMatmulAlgo_t::data: alignment of matrices, alignment that the
/// epilogue's vector had when it was chosen, and whether it splits sums in two whose halves are rounded to
/// the type of the result.
enum Reliance { kMatrixAlignment, kVectorAlignment, kRoundsHalves };

constexpr std::size_t kWorkspace = 500;

Operation* of(cublasLtMatmulDesc_t operation) { return reinterpret_cast<Operation*>(operation); }
Layout* of(cublasLtMatrixLayout_t layout) { return reinterpret_cast<Layout*>(layout); }
Preference* of(cublasLtMatmulPreference_t preference) { return reinterpret_cast<Preference*>(preference); }

bool has(cublasLtEpilogue_t epilogue, cublasLtEpilogue_t part) { return (epilogue & part) == part; }

}  // namespace

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new int{0});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete reinterpret_cast<int*>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
const char* cublasLtGetStatusString(cublasStatus_t) { return "a status"; }
std::size_t cublasLtGetVersion() { return 130100; }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  *operation =
      reinterpret_cast<cublasLtMatmulDesc_t>(new Operation{.tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete of(operation);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t which, const void* value,
                                              std::size_t size) {
  Operation& o = *of(operation);
  const auto take = [&](auto& field) {
    if (size != sizeof(field)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&field, value, size);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (which) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return take(o.a);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return take(o.b);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return take(o.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return take(o.vector);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
      return take(o.vector_type);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type,
                                          std::uint64_t rows, std::uint64_t columns, std::int64_t ld) {
  if (ld < static_cast<std::int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{type, rows, columns, ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete of(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete of(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t which,
                                                    const void* value, std::size_t size) {
  Preference& wanted = *of(preference);
  const auto take = [&](auto& field) {
    if (size != sizeof(field)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&field, value, size);
    return CUBLAS_STATUS_SUCCESS;
  };
  std::uint32_t alignment = 256;
  switch (which) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return take(wanted.workspace);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return take(wanted.reductions);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      if (take(alignment) != CUBLAS_STATUS_SUCCESS) return CUBLAS_STATUS_INVALID_VALUE;
      wanted.alignment = std::min(wanted.alignment, alignment);
      return CUBLAS_STATUS_SUCCESS;
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

/// Odd numbers of rows have no epilogue, which is said in one of two ways, so that what the model does then
/// is tested too.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t* results, int* count) {
  *count = 0;
  const Operation& o = *of(operation);
  const bool fits = (o.a == CUBLAS_OP_N ? of(a)->rows : of(a)->columns) == of(d)->rows &&
                    (o.b == CUBLAS_OP_N ? of(b)->columns : of(b)->rows) == of(d)->columns &&
                    (o.a == CUBLAS_OP_N ? of(a)->columns : of(a)->rows) ==
                        (o.b == CUBLAS_OP_N ? of(b)->rows : of(b)->columns);
  if (!fits) return CUBLAS_STATUS_INVALID_VALUE;
  if (o.epilogue != CUBLASLT_EPILOGUE_DEFAULT && of(d)->rows % 2 == 1)
    return of(d)->rows % 4 == 1 ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_NOT_SUPPORTED;
  const Preference& wanted = *of(preference);
  results[0].algo.data[kMatrixAlignment] = wanted.alignment;
  results[0].algo.data[kVectorAlignment] = alignment_of(o.vector);
  results[0].algo.data[kRoundsHalves] = (wanted.reductions & CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE) != 0;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].workspaceSize = kWorkspace;
  *count = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void*,
                              cublasLtMatrixLayout_t, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace, std::size_t bytes,
                              cudaStream_t) {
  const Operation& o = *of(operation);
  const Layout &la = *of(a_layout), &lb = *of(b_layout), &ld = *of(d_layout);
  if (bytes < kWorkspace || *static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0)
    return CUBLAS_STATUS_INVALID_VALUE;
  for (const void* matrix : {a, b, static_cast<const void*>(d)})
    if (alignment_of(matrix) < algorithm->data[kMatrixAlignment]) return CUBLAS_STATUS_INVALID_VALUE;
  std::memset(workspace, 0xFF, bytes);
  const auto factor = [&](double value) {
    return o.tf32 ? static_cast<double>(rounded_to_tf32(static_cast<float>(value))) : value;
  };
  const auto at_a = [&](std::uint64_t row, std::uint64_t k) {
    return factor(o.a == CUBLAS_OP_N ? la.at(a, row, k) : la.at(a, k, row));
  };
  const auto at_b = [&](std::uint64_t k, std::uint64_t column) {
    return factor(o.b == CUBLAS_OP_N ? lb.at(b, k, column) : lb.at(b, column, k));
  };
  const std::uint64_t inner = o.a == CUBLAS_OP_N ? la.columns : la.rows;
  if (has(o.epilogue, CUBLASLT_EPILOGUE_BIAS))
    if (o.vector == nullptr || o.vector_type != static_cast<std::int32_t>(ld.type) ||
        alignment_of(o.vector) < algorithm->data[kVectorAlignment])
      return CUBLAS_STATUS_INVALID_VALUE;
  const Layout vector{ld.type, ld.rows, 1, static_cast<std::int64_t>(ld.rows)};
  for (std::uint64_t row = 0; row < ld.rows; ++row) {
    for (std::uint64_t column = 0; column < ld.columns; ++column) {
      double sum = 0;
      for (std::uint64_t k = 0; k < inner; ++k) {
        sum += at_a(row, k) * at_b(k, column);
        if (k + 1 == inner / 2 && algorithm->data[kRoundsHalves] != 0 && ld.type != CUDA_R_32F)
          sum = static_cast<double>(to_float(from_float<BFloat16>(static_cast<float>(sum))));
      }
      if (has(o.epilogue, CUBLASLT_EPILOGUE_BIAS)) sum += vector.at(o.vector, row, 0);
      if (has(o.epilogue, CUBLASLT_EPILOGUE_RELU) && sum < 0) sum = 0;
      ld.set(d, row, column, sum);
    }
  }
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
