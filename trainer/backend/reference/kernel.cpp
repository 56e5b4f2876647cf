// Which class computes which operation.
#include "trainer/backend/reference/kernel.hpp"

#include "trainer/backend/reference/activation.hpp"
#include "trainer/backend/reference/batch_normalisation.hpp"
#include "trainer/backend/reference/circular_padding.hpp"
#include "trainer/backend/reference/concatenation.hpp"
#include "trainer/backend/reference/convolution.hpp"
#include "trainer/backend/reference/dense_product.hpp"
#include "trainer/backend/reference/dropout_mask.hpp"
#include "trainer/backend/reference/global_pooling.hpp"
#include "trainer/backend/reference/group_normalisation.hpp"
#include "trainer/backend/reference/pooling.hpp"
#include "trainer/backend/reference/response_norm.hpp"
#include "trainer/backend/reference/sum.hpp"

namespace annulus::trainer::reference {
namespace {

using KernelPointer = std::unique_ptr<const Kernel>;

struct Maker {
  const Layer& layer;
  int index;

  KernelPointer operator()(const Conv2d& conv) const {
    return std::make_unique<Convolution>(conv, layer.input, layer.output);
  }
  KernelPointer operator()(const Pool2d& pool) const {
    return std::make_unique<Pooling>(pool, layer.input, layer.output);
  }
  KernelPointer operator()(const GlobalPool& pool) const {
    return std::make_unique<GlobalPooling>(pool.kind, layer.input);
  }
  KernelPointer operator()(const Dense& dense) const {
    return std::make_unique<DenseProduct>(layer.input.size(), dense);
  }
  KernelPointer operator()(const Flatten&) const { return std::make_unique<Sum>(); }
  KernelPointer operator()(const BatchNorm& norm) const {
    return std::make_unique<BatchNormalisation>(norm, layer.input);
  }
  KernelPointer operator()(const LocalResponseNorm& norm) const {
    return std::make_unique<ResponseNorm>(norm, layer.input.channels);
  }
  KernelPointer operator()(const Dropout& dropout) const {
    return std::make_unique<DropoutMask>(dropout.rate, index);
  }
  KernelPointer operator()(const Activate& activate) const {
    return std::make_unique<ActivationLayer>(activate.kind);
  }
  KernelPointer operator()(const Add&) const { return std::make_unique<Sum>(); }
  KernelPointer operator()(const Concat&) const { return std::make_unique<Concatenation>(); }
  KernelPointer operator()(const CircularPad& pad) const {
    return std::make_unique<CircularPadding>(pad, layer.input);
  }
  KernelPointer operator()(const GroupNorm& norm) const {
    return std::make_unique<GroupNormalisation>(norm, layer.input);
  }
};

template <class Maker, class Kind>
concept Makes = requires(const Maker& maker, const Kind& kind) {
  maker(kind);
};

}  // namespace

std::unique_ptr<const Kernel> make_kernel(const Network& network, int layer) {
  const Maker maker{network.layers.at(layer), layer};
  return std::visit(
      [&maker]<class Kind>(const Kind& kind) -> KernelPointer {
        static_assert(Makes<Maker, Kind>, "the reference backend has no kernel for a kind of layer");
        return maker(kind);
      },
      network.layers[layer].operation);
}

}  // namespace annulus::trainer::reference
