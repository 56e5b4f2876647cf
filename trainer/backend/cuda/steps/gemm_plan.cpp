// cuBLASLt thinks in columns. A matrix that lies row by row is its transpose column by column, so instead of
// R = L * M we ask for R^T = M^T * L^T: the right factor is A, the left one B, and leading dimensions are row
// lengths.
#include "trainer/backend/cuda/steps/gemm_plan.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace annulus::trainer::cuda {
namespace {

/// cuBLASLt's own advice for Hopper; on older ones it wants less.
constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;
/// What pointers are multiples of; segments of arenas are 16 elements long. cuBLASLt assumes 256 unless told.
constexpr std::uint32_t kAlignment = 16;
constexpr int kMostAlgorithms = 8;

enum Part : std::size_t { kLeft, kResult, kRight, kVector, kWorkspacePart };

MatrixHandle matrix(Element element, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t handle = nullptr;
  ANNULUS_CHECK_CUBLAS(cublasLtMatrixLayoutCreate(&handle, cuda_type(element),
                                                  static_cast<std::uint64_t>(rows),
                                                  static_cast<std::uint64_t>(columns), rows));
  return MatrixHandle(handle);
}

template <class Value>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  ANNULUS_CHECK_CUBLAS(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof(value)));
}
template <class Value>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const Value& value) {
  ANNULUS_CHECK_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)));
}

cublasLtEpilogue_t epilogue_of(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue::bias_relu:
      return CUBLASLT_EPILOGUE_RELU_BIAS;
    case Epilogue::relu:
      return CUBLASLT_EPILOGUE_RELU;
    case Epilogue::column_sums:
      return CUBLASLT_EPILOGUE_BGRADA;  // A is the right factor; the sums run over the inner extent
    default:
      return CUBLASLT_EPILOGUE_DEFAULT;
  }
}

/// Split sums are only allowed where partial results are added up in a step of their own: in place, the order
/// would be that in which blocks finish.
PreferenceHandle preference() {
  cublasLtMatmulPreference_t handle = nullptr;
  ANNULUS_CHECK_CUBLAS(cublasLtMatmulPreferenceCreate(&handle));
  PreferenceHandle wanted(handle);
  set(handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kMostWorkspace});
  set(handle, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE |
                                 CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
  return wanted;
}

constexpr bool has_vector(Epilogue epilogue) {
  return epilogue == Epilogue::bias || epilogue == Epilogue::bias_relu || epilogue == Epilogue::column_sums;
}

}  // namespace

std::optional<GemmPlan> GemmPlan::make(Libraries& libraries, const GemmShape& shape) {
  GemmPlan plan(libraries, shape);
  plan.describe();
  if (!plan.choose()) return std::nullopt;
  return plan;
}

GemmPlan GemmPlan::make_or_throw(Libraries& libraries, const GemmShape& shape, const std::string& name) {
  std::optional<GemmPlan> plan = make(libraries, shape);
  if (!plan)
    throw RuntimeError(
        "{}: cuBLASLt has no algorithm for the product of ({}, {}) and ({}, {}). Another shard size or device.precision may have one.",
        name, shape.rows, shape.inner, shape.inner, shape.columns);
  return std::move(*plan);
}

GemmPlan::GemmPlan(Libraries& libraries, const GemmShape& shape) : libraries_(&libraries), shape_(shape) {}

void GemmPlan::describe() {
  const bool tf32 = libraries_->precision() == Precision::tf32;
  cublasLtMatmulDesc_t operation = nullptr;
  ANNULUS_CHECK_CUBLAS(cublasLtMatmulDescCreate(
      &operation, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F));
  operation_ = MatmulHandle(operation);
  const cublasOperation_t of_a = shape_.right == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t of_b = shape_.left == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N;
  set(operation, CUBLASLT_MATMUL_DESC_TRANSA, of_a);
  set(operation, CUBLASLT_MATMUL_DESC_TRANSB, of_b);
  set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(shape_.epilogue));
  // Column by column: A is (columns, inner), or (inner, columns) when transposed, and so on.
  a_ = shape_.right == Transpose::yes ? matrix(shape_.factors, shape_.inner, shape_.columns)
                                      : matrix(shape_.factors, shape_.columns, shape_.inner);
  b_ = shape_.left == Transpose::yes ? matrix(shape_.factors, shape_.rows, shape_.inner)
                                     : matrix(shape_.factors, shape_.inner, shape_.rows);
  d_ = matrix(shape_.result, shape_.columns, shape_.rows);
  if (has_vector(shape_.epilogue))
    set(operation, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<std::int32_t>(cuda_type(shape_.result)));
}

/// Takes the first of the ranked algorithms that runs on scratch memory.
bool GemmPlan::choose() {
  Libraries& libraries = *libraries_;
  const auto bytes = [](Element element, std::int64_t count) {
    return static_cast<std::size_t>(bytes_of(element) * count);
  };
  Tensors tensors{};
  tensors.left = libraries.scratch(kLeft, bytes(shape_.factors, shape_.rows * shape_.inner));
  tensors.right = libraries.scratch(kRight, bytes(shape_.factors, shape_.inner * shape_.columns));
  tensors.result = libraries.scratch(kResult, bytes(shape_.result, shape_.rows * shape_.columns));
  void* vector = libraries.scratch(kVector, bytes(Element::float32, shape_.columns));
  tensors.bias = vector;
  tensors.sums = static_cast<float*>(vector);
  // Heuristics look at whether the vector is there, so it is set before they are asked.
  if (has_vector(shape_.epilogue)) set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  std::array<cublasLtMatmulHeuristicResult_t, kMostAlgorithms> results{};
  int count = 0;
  const PreferenceHandle wanted = preference();
  const cublasStatus_t asked =
      cublasLtMatmulAlgoGetHeuristic(libraries.cublas(), operation_.get(), a_.get(), b_.get(), d_.get(),
                                     d_.get(), wanted.get(), kMostAlgorithms, results.data(), &count);
  if (asked == CUBLAS_STATUS_NOT_SUPPORTED) return false;
  ANNULUS_CHECK_CUBLAS(asked);
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = results[static_cast<std::size_t>(i)];
    if (result.state != CUBLAS_STATUS_SUCCESS) continue;
    algorithm_ = result.algo;
    workspace_ = result.workspaceSize;
    tensors.workspace = libraries.scratch(kWorkspacePart, workspace_);
    if (!went_well(try_run(tensors, libraries.trial_stream().get()))) continue;
    libraries.trial_stream().synchronize();
    return true;
  }
  return false;
}

cublasStatus_t GemmPlan::try_run(const Tensors& tensors, cudaStream_t stream) const {
  constexpr float kOne = 1.0f, kZero = 0.0f;  // host pointers, read during the call
  if (has_vector(shape_.epilogue)) {
    const void* vector = shape_.epilogue == Epilogue::column_sums ? tensors.sums : tensors.bias;
    set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  }
  return cublasLtMatmul(libraries_->cublas(), operation_.get(), &kOne, tensors.right, a_.get(), tensors.left,
                        b_.get(), &kZero, tensors.result, d_.get(), tensors.result, d_.get(), &algorithm_,
                        tensors.workspace, workspace_, stream);
}

void GemmPlan::run(const Tensors& tensors, cudaStream_t stream) const {
  ANNULUS_CHECK_CUBLAS(try_run(tensors, stream));
}

}  // namespace annulus::trainer::cuda
