// Marks functions that kernels call. Their bodies stand in plain headers that include nothing of CUDA, so
// that every compiler takes them and the host's tests run the very arithmetic of the kernels.
#pragma once

#ifdef __CUDACC__
#define ANNULUS_DEVICE __host__ __device__
#else
/// In front of an inline function: also compiled for the device. Functions marked constexpr (Philox, to_unit)
/// need no mark. Products and sums are not fused on either side, so both sides give the same bits where they
/// call the same functions; exp, log, pow and the like differ in the last digits.
#define ANNULUS_DEVICE
#endif
