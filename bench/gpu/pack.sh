#!/usr/bin/env bash
# Everything that a borrowed machine with a GPU needs, in one archive: it may have no network, MPI, HDF5 or oneDNN, and
# another processor than this one. It unpacks to annulus-gpu/, where `bench/gpu/first_run.sh --short` starts.
# pack.sh [--dry-run] ARCHIVE.tar.xz
#   --dry-run   prints the commands that build, one per line, and does nothing
# Environment: BUILD (build/carry: made if need be), JOBS (cores), CUDAARCHS (90-real), LIMIT_MB (60),
#   DATASET (a CIFAR-10 archive or folder in its binary version, of which IMAGES are taken, or an HDF5 dataset of such
#   images, taken whole; else IMAGES are made up), IMAGES (1280; a fifth as many test images), COMPRESS (xz with a
#   dictionary that spans several programs).
set -euo pipefail
dry=0
if [[ ${1:-} == --dry-run ]]; then dry=1; shift; fi
if (($# != 1)) || [[ $1 == -* ]]; then sed -n '2,9s/^# //p' "$0" >&2; exit 2; fi
archive=$(realpath -m "$1")
dataset=${DATASET:+$(realpath -m "$DATASET")}
build=${BUILD:+$(realpath -m "$BUILD")}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
build=${build:-build/carry} jobs=${JOBS:-$(nproc)} images=${IMAGES:-1280} limit_mb=${LIMIT_MB:-60}
compress=${COMPRESS:-xz -T1 --lzma2=preset=4,dict=64MiB}

fail() { printf 'pack.sh: %s\n' "$*" >&2; exit 1; }
do_or_print() { if ((dry)); then printf '%s\n' "${*@Q}"; else "$@"; fi; }

# A build folder that was named and is there is taken as it is.
if [[ ! -x $build/bin/annulus || -z ${BUILD:-} ]]; then
  do_or_print cmake --preset gpu -B "$build" -DWITH_NATIVE_ARCH=OFF \
    "-DCMAKE_CUDA_ARCHITECTURES=${CUDAARCHS:-90-real}"
  do_or_print cmake --build "$build" --parallel "$jobs" --target annulus gpu_programs
fi
((dry)) && exit 0

# setting NAME: what the build folder was configured with.
setting() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt" 2>/dev/null || true; }
if [[ $(setting WITH_NATIVE_ARCH) != OFF ]]; then
  fail "$build was not configured with -DWITH_NATIVE_ARCH=OFF: its programs may end with 'illegal instruction' on" \
    "another processor. Configure it again so, or unset BUILD to have build/carry made."
fi
architectures=$(setting CMAKE_CUDA_ARCHITECTURES)
[[ $architectures != *';'* ]] || fail "$build has code for several GPU architectures ($architectures), which makes" \
  "the archive large. Configure it with the one of the machine: -DCMAKE_CUDA_ARCHITECTURES=90-real for an H100 or H200."
shopt -s nullglob
programs=("$build"/tests/*_gpu_test "$build"/tests/*_gpu_mpi_test "$build"/tests/gpu_coun[t])
shopt -u nullglob
((${#programs[@]} > 0)) || fail "$build/tests has no *_gpu_test. Build them: cmake --build $build --target gpu_programs"

work=$(mktemp -d)
trap 'rm -rf "$work" "$archive.partial"' EXIT
pack=$work/annulus-gpu
mkdir -p "$pack"/{bin,tests,lib/gcc,openmpi/{bin,lib},pmix/lib,data,bench}

# Open MPI reads its plugins, its messages and, for PMIx, more of both from folders fixed when it was built; `run` says
# where they are instead. Plugins for networks that one machine does not have would bring half a distribution along.
pack_mpi() {
  local mpirun plugins messages pmix
  mpirun=$(realpath "$(command -v mpirun)") || fail "there is no mpirun to carry along. Install Open MPI."
  plugins=$(ompi_info --path pkglibdir --parsable | sed -n 's/^path:pkglibdir://p')
  messages=$(ompi_info --path pkgdatadir --parsable | sed -n 's/^path:pkgdatadir://p')
  [[ $(basename "$mpirun") == orterun && -d $plugins ]] ||
    fail "mpirun is $mpirun with plugins in '$plugins'; only Open MPI 4 is known here."
  cp "$mpirun" "$(dirname "$mpirun")/orted" "$pack/openmpi/bin/"
  ln -s orterun "$pack/openmpi/bin/mpirun"
  cp -rL "$plugins" "$pack/openmpi/lib/openmpi"
  rm -f "$pack"/openmpi/lib/openmpi/*{_ofi,_ucx,_psm,_psm2,_openib,_usnic,_portals4,_flux}.so
  mkdir -p "$pack/openmpi/share"
  cp -rL "$messages" "$pack/openmpi/share/openmpi"
  # Debian links Open MPI with a PMIx of its own folders; elsewhere it may be built in.
  pmix=$(ldd "$pack"/openmpi/lib/openmpi/mca_pmix_ext*.so 2>/dev/null | awk '$1 ~ /^libpmix/ { print $3; exit }')
  [[ -n $pmix ]] || return 0
  pmix=$(dirname "$(realpath "$pmix")")
  cp -rL "$pmix/pmix" "$pack/pmix/lib/"
  cp -rL "$pmix/../share" "$pack/pmix/"
}

# The distribution's libraries; those of the C++ compiler apart, so that `run` can choose the newer ones.
pack_libraries() {
  local libraries=$work/libraries file
  find "$pack" -type f \( -perm -u+x -o -name '*.so*' \) -print0 | xargs -0 "$here/closure.sh" >"$libraries" ||
    fail "a library is missing here (above)."
  while read -r file; do
    case ${file##*/} in
      libstdc++.so.* | libgcc_s.so.*) cp -L "$file" "$pack/lib/gcc/" ;;
      *) cp -L "$file" "$pack/lib/" ;;
    esac
  done <"$libraries"
  find "$pack" -name '*.so*' -type f -exec strip --strip-unneeded {} +
  # What `run` looks for: what is linked, the driver, and what cuDNN loads by itself.
  {
    find "$pack"/{bin,tests} -type f -exec objdump -p {} + |
      awk '$1 == "NEEDED" && $2 ~ /^lib(cu|nccl|nv)/ { print $2 }'
    echo libcuda.so.1
  } | awk '{ print } /^libcudart\.so/ { sub(/libcudart/, ""); print "libnvrtc" $0; print "libcublas" $0 }' |
    sed 's:.*/::' | sort -u >"$pack/lib/nvidia.txt"
}

# make_batch SEED COUNT: records of the binary version, a label and three planes of 32 x 32; colours tell the classes.
make_batch() {
  LC_ALL=C awk -v seed="$1" -v count="$2" 'BEGIN {
    for (i = 0; i < count; ++i) {
      label = i % 10
      printf "%c", label
      for (plane = 0; plane < 3; ++plane) {
        base = label * (3 + 4 * plane) % 10 * 18 + 20
        for (pixel = 0; pixel < 1024; ++pixel) {
          seed = seed * 16807 % 2147483647
          printf "%c", base + seed % 48
        }
      }
    }
  }'
}
# batch NAME SEED COUNT: one of the files of CIFAR-10, made up or the beginning of the real one.
batch() {
  if [[ -z $dataset ]]; then
    make_batch "$2" "$3"
    return
  fi
  if [[ -d $dataset ]]; then
    find "$dataset" -name "$1" -exec cat {} + >"$work/whole"
  else
    tar -xOf "$dataset" --wildcards "*$1" >"$work/whole" || fail "$dataset brings no whole $1 (above)."
  fi
  [[ -s $work/whole ]] || fail "$dataset brings no $1, so it is not CIFAR-10 in its binary version."
  head -c $(($3 * 3073)) "$work/whole"
}
pack_images() {
  local i
  if [[ $dataset == *.h5 || $dataset == *.hdf5 ]]; then
    "$build/bin/annulus" data info "$dataset" >/dev/null
    cp "$dataset" "$pack/data/cifar10.h5"
    return
  fi
  mkdir "$work/images"
  for i in 1 2 3 4 5; do batch "data_batch_$i.bin" "$i" $((images / 5)) >"$work/images/data_batch_$i.bin"; done
  batch test_batch.bin 6 $((images / 5)) >"$work/images/test_batch.bin"
  printf '%s\n' airplane automobile bird cat deer dog frog horse ship truck >"$work/images/batches.meta.txt"
  local what="$images made-up images, CIFAR-10 by shape and names only"
  [[ -z $dataset ]] || what="The first $images training images of CIFAR-10 and a fifth as many test images"
  "$build/bin/annulus" data import cifar10 "$work/images" --output "$pack/data/cifar10.h5" --description "$what" \
    >"$work/import.log" 2>&1 || { cat "$work/import.log" >&2; fail "no dataset was made (above)."; }
}

pack_images
cp "$build/bin/annulus" "$pack/bin/"
cp "${programs[@]}" "$pack/tests/"
pack_mpi
strip "$pack"/{bin,tests}/* "$pack"/openmpi/bin/or*
pack_libraries
cp -r configs "$pack/"
cp -r "$here" "$pack/bench/gpu"
mkdir "$pack/bench/peers"
cp bench/peers/compare.py "$pack/bench/peers/"
cp "$here/run_carried.sh" "$pack/run"
{
  "$build/bin/annulus" --version
  echo "GPU architecture: $architectures"
  echo "C library: $(find "$pack" -type f \( -perm -u+x -o -name '*.so*' \) -exec objdump -T {} + 2>/dev/null |
    grep -oE 'GLIBC_2\.[0-9]+' | sort -Vu | tail -n 1) or newer"
  echo "From the machine: $(tr '\n' ' ' <"$pack/lib/nvidia.txt")"
} >"$pack/MANIFEST"

mkdir -p "$(dirname "$archive")"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -c annulus-gpu | $compress >"$archive.partial"
mv "$archive.partial" "$archive"
cat "$pack/MANIFEST"
size=$(stat -c %s "$archive")
printf '%s: %d.%d MB\n' "$archive" $((size / 1000000)) $((size / 100000 % 10))
if ((size > limit_mb * 1000000)); then
  (cd "$pack" && du -ak . | sort -rn | sed -n '2,12p') >&2
  fail "the archive is larger than $limit_mb MB; its largest parts (KB) are above. Fewer IMAGES make it smaller."
fi
