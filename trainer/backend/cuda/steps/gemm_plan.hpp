// One matrix product of fixed shape through cuBLASLt, tried out once when it is planned.
#pragma once

#include <optional>
#include <string>

#include "trainer/backend/cuda/steps/libraries.hpp"

namespace annulus::trainer::cuda {

/// What happens beside the product. Not the gradient of a bias, which cuBLASLt could sum too: that would save
/// one short kernel, and its rules for element types are nowhere said.
enum class Epilogue {
  none,
  bias,       ///< adds a vector over the columns of the result
  bias_relu,  ///< and takes the maximum with zero; NaN may become zero
  relu        ///< without a vector
};

enum class Transpose { no, yes };

/// result (rows, columns) = left (rows, inner) * right (inner, columns), all row by row without gaps; a
/// factor marked as transposed lies in memory as (inner, rows) or (columns, inner).
struct GemmShape {
  std::int64_t rows = 0, columns = 0, inner = 0;
  Transpose left = Transpose::no;
  Transpose right = Transpose::no;
  Element factors = Element::float32;
  Element result = Element::float32;  ///< also of the epilogue's vector
  Epilogue epilogue = Epilogue::none;
};

class GemmPlan {
 public:
  /// Nothing when cuBLASLt has no algorithm for this, which happens with epilogues: whatever it says to one.
  static std::optional<GemmPlan> make(Libraries& libraries, const GemmShape& shape);
  /// @throws RuntimeError naming `name` when there is none
  static GemmPlan make_or_throw(Libraries& libraries, const GemmShape& shape, const std::string& name);

  std::size_t workspace() const { return workspace_; }

  struct Tensors {
    const void* left;
    const void* right;
    void* result;
    const void* bias;  ///< read by bias and bias_relu
    void* workspace;
  };
  void run(const Tensors& tensors, cudaStream_t stream) const;

 private:
  GemmPlan(Libraries& libraries, const GemmShape& shape);
  void describe();
  bool choose();
  cublasStatus_t try_run(const Tensors& tensors, cudaStream_t stream) const;

  Libraries* libraries_;
  GemmShape shape_;
  MatmulHandle operation_;
  MatrixHandle a_, b_, d_;  // as cuBLASLt sees them: column by column, so left and right change places
  cublasLtMatmulAlgo_t algorithm_{};
  std::size_t workspace_ = 0;
};

}  // namespace annulus::trainer::cuda
