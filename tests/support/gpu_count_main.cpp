// Prints how many GPUs CUDA can use here: ctest asks whether to run the tests labelled gpu.
#include <cuda_runtime_api.h>

#include <cstdio>

int main() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) count = 0;  // without a driver, say
  std::printf("%d", count);
}
