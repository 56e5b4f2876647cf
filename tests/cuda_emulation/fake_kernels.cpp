// All our own kernels, run by loops.
#include "comm/cuda/reduction_kernels.hpp"
#include "tests/cuda_emulation/fake_streams.hpp"
#include "tests/trainer/backend/cuda/host_executor.hpp"
#include "trainer/backend/cuda/kernels/augmentation_body.hpp"
#include "trainer/backend/cuda/kernels/convolution_body.hpp"
#include "trainer/backend/cuda/kernels/dropout_body.hpp"
#include "trainer/backend/cuda/kernels/enqueue.hpp"
#include "trainer/backend/cuda/kernels/group_norm_body.hpp"
#include "trainer/backend/cuda/kernels/kernel_list.hpp"
#include "trainer/backend/cuda/kernels/normalisation_body.hpp"
#include "trainer/backend/cuda/kernels/pool_body.hpp"
#include "trainer/backend/cuda/kernels/structure_body.hpp"

namespace annulus::trainer::cuda {

template <class Body>
void enqueue(cudaStream_t stream, const Body& body) {
  test::play(stream, [body] { run_on_host(body); });
}

ANNULUS_ELEMENTWISE_KERNELS
ANNULUS_POOL_KERNELS
ANNULUS_NORMALISATION_KERNELS
ANNULUS_LOSS_KERNELS
ANNULUS_AUGMENTATION_KERNELS
ANNULUS_OPTIMIZER_KERNELS

}  // namespace annulus::trainer::cuda

namespace annulus::comm {

template <class Body>
void enqueue(cudaStream_t stream, const Body& body) {
  annulus::test::play(stream, [body] {
    for (std::int64_t i = body.indices(); i-- > 0;) body(i);
  });
}

ANNULUS_REDUCTION_KERNELS

bool has_code_for_current_device() { return true; }

}  // namespace annulus::comm
