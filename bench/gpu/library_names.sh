# shellcheck shell=bash disable=SC2034  # for those who source this
# Libraries that an archive of pack.sh leaves to the machine, as parts of regular expressions before `.so`.

# A C library belongs to its system: its loader, its name services and the rest are of one piece.
c_library='ld-linux-[a-z0-9-]+|linux-vdso|libc|libm|libmvec|libpthread|libdl|librt|libutil|libanl|libresolv'
c_library+='|libnss_[a-z]+'
# What a machine with a GPU has; large, and the driver's part must be the machine's own.
nvidia='libcuda|libcudart|libcublas|libcublasLt|libcudnn[a-z_]*|libnccl|libnvrtc[a-z-]*|libnvJitLink|libnvidia-[a-z-]+'
