// See kernel_account.hpp.
#include "trainer/backend/cuda/steps/kernel_account.hpp"

#include <fmt/format.h>

namespace annulus::trainer::cuda {
namespace {

const char* word_of(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::bias_relu:
      return "bias and ReLU";
    case Epilogue::bias:
      return "bias";
    case Epilogue::relu:
      return "ReLU";
    default:
      return "nothing";
  }
}

}  // namespace

void KernelAccount::add(const std::string& layer, const ConvolutionRun& run) {
  using Way = ConvolutionRun::Way;
  ++(run.forward == Way::fused ? fused_ : run.forward == Way::unfused ? unfused_ : plain_);
  gradients_ += run.gradients;
  plain_gradients_ += run.plain_gradients;
  choices_ += fmt::format("{}: {}\n", layer, run.choices);
}

void KernelAccount::add(const std::string& layer, Epilogue wished, Epilogue had) {
  if (had != wished)
    ++refused_;
  else
    ++(had == Epilogue::bias_relu ? bias_relu_
       : had == Epilogue::bias    ? bias_
       : had == Epilogue::relu    ? relu_
                                  : none_);
  choices_ += fmt::format("{}: {} in the product\n", layer, word_of(had));
}

KernelCounts KernelAccount::counts() const {
  return {{"convolutions", {{"fused", fused_}, {"unfused", unfused_}, {"plain", plain_}}},
          {"convolution_gradients", {{"cudnn", gradients_ - plain_gradients_}, {"plain", plain_gradients_}}},
          {"dense",
           {{"bias_relu", bias_relu_},
            {"bias", bias_},
            {"relu", relu_},
            {"none", none_},
            {"refused", refused_}}}};
}

std::string KernelAccount::text() const {
  return fmt::format(
      "{} convolutions forward: {} fused, {} unfused, {} plain; their gradients: {} by cuDNN, {} plain; {} dense layers, in the product: {} bias and ReLU, {} bias, {} ReLU, {} nothing, {} refused",
      fused_ + unfused_ + plain_, fused_, unfused_, plain_, gradients_ - plain_gradients_, plain_gradients_,
      bias_relu_ + bias_ + relu_ + none_ + refused_, bias_relu_, bias_, relu_, none_, refused_);
}

}  // namespace annulus::trainer::cuda
