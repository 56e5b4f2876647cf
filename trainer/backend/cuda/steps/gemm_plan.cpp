// cuBLASLt thinks in columns. A matrix that lies row by row is its transpose column by column, so instead of
// R = L * M we ask for R^T = M^T * L^T: the right factor is A, the left one B, and leading dimensions are row
// lengths.
#include "trainer/backend/cuda/steps/gemm_plan.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "trainer/backend/cuda/steps/plan_choice.hpp"

namespace annulus::trainer::cuda {
namespace {

/// cuBLASLt's own advice for Hopper; on older ones it wants less.
constexpr std::size_t kMostWorkspace = std::size_t{32} << 20;
/// What pointers are multiples of, in bytes: segments of arenas are 16 elements long, buffers 256 bytes.
/// cuBLASLt assumes 256 for matrices unless told, and looks at the very pointer of an epilogue's vector.
constexpr std::uint32_t kAlignment = 32;
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
    default:
      return CUBLASLT_EPILOGUE_DEFAULT;
  }
}

/// Split sums are only allowed where partial results are added up in a step of their own (in place, the order
/// would be that in which blocks finish) and are kept in float32: in the type of a bfloat16 result each of
/// them would be rounded to 8 bits.
PreferenceHandle preference() {
  cublasLtMatmulPreference_t handle = nullptr;
  ANNULUS_CHECK_CUBLAS(cublasLtMatmulPreferenceCreate(&handle));
  PreferenceHandle wanted(handle);
  set(handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kMostWorkspace});
  set(handle, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, kAlignment);
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, kAlignment);
  return wanted;
}

constexpr LibraryAnswer answer_of(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return LibraryAnswer::algorithms;
  return status == CUBLAS_STATUS_NOT_SUPPORTED ? LibraryAnswer::not_supported : LibraryAnswer::failure;
}

constexpr bool has_vector(Epilogue epilogue) {
  return epilogue == Epilogue::bias || epilogue == Epilogue::bias_relu;
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
  const auto piece = [&](Part part, Element element, std::int64_t count) -> void* {
    return static_cast<std::byte*>(libraries.scratch(part, kAlignment + bytes(element, count))) + kAlignment;
  };
  Tensors tensors{};
  tensors.left = piece(kLeft, shape_.factors, shape_.rows * shape_.inner);
  tensors.right = piece(kRight, shape_.factors, shape_.inner * shape_.columns);
  tensors.result = piece(kResult, shape_.result, shape_.rows * shape_.columns);
  tensors.bias = piece(kVector, shape_.result, shape_.columns);
  // Heuristics look at whether the vector is there and how it is aligned, so it is set before they are asked.
  if (has_vector(shape_.epilogue)) set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, tensors.bias);
  std::array<cublasLtMatmulHeuristicResult_t, kMostAlgorithms> results{};
  int count = 0;
  const PreferenceHandle wanted = preference();
  const cublasStatus_t asked =
      cublasLtMatmulAlgoGetHeuristic(libraries.cublas(), operation_.get(), a_.get(), b_.get(), d_.get(),
                                     d_.get(), wanted.get(), kMostAlgorithms, results.data(), &count);
  // An epilogue is a wish: the product without it is asked for next.
  if (ends_program(answer_of(asked), shape_.epilogue != Epilogue::none)) ANNULUS_CHECK_CUBLAS(asked);
  if (asked != CUBLAS_STATUS_SUCCESS) return false;
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
  if (has_vector(shape_.epilogue)) set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, tensors.bias);
  return cublasLtMatmul(libraries_->cublas(), operation_.get(), &kOne, tensors.right, a_.get(), tensors.left,
                        b_.get(), &kZero, tensors.result, d_.get(), tensors.result, d_.get(), &algorithm_,
                        tensors.workspace, workspace_, stream);
}

void GemmPlan::run(const Tensors& tensors, cudaStream_t stream) const {
  ANNULUS_CHECK_CUBLAS(try_run(tensors, stream));
}

}  // namespace annulus::trainer::cuda
