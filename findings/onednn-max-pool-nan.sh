#!/usr/bin/env bash
# oneDNN's max pooling overlooks NaN and does not know minus infinity.
#
# Versions: oneDNN 3.2.0, pinned as onednn-cpu-gomp and onednn-devel-cpu-gomp 2023.2.0 from PyPI, unpacked in a
#           temporary folder. oneDNN 2.6.3 of Debian 12 (libdnnl2 2.6.3-1) did the same on the same day.
# Input:    float32 windows of 2 x 2, forward inference, NCHW and NHWC, 16 channels: all are values that a layer may put
#           out, e.g. after a division by zero or a logarithm of zero.
# Seen on 2026-11-30:
#           a window with one NaN gives the largest of the other values, wherever the NaN stands; a window of NaN alone
#           and a window of -inf alone both give the lowest finite float, -3.40282e+38. The first hides a broken layer
#           from whoever looks for NaN behind the pool; the other two put out a number that was never in the image.
#           Output: "3.2.0 3 3 -3.40282e+38 -3.40282e+38 3", then the last five once more for the other layout.
# Expected: the largest value of the window, so -inf for -inf alone, and a NaN that stays visible.
#
# Needs g++, python3 with pip, and PyPI. Ends with 1 when what it sees is no longer as above.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m pip download --quiet --no-deps --dest wheels onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
for wheel in wheels/*.whl; do python3 -m zipfile --extract "$wheel" unpacked; done
library=$(dirname "$(find "$PWD/unpacked" -name 'libdnnl.so.3' | head -n 1)")
headers=$(dirname "$(find "$PWD/unpacked" -path '*/include/dnnl.hpp' | head -n 1)")

cat >pools.cpp <<'CPP'
// Prints what each window becomes: one line per layout and window.
#include <oneapi/dnnl/dnnl.hpp>

#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

constexpr int kChannels = 16;

float pooled(const std::vector<float>& window, dnnl::memory::format_tag layout) {
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const dnnl::memory::desc image({1, kChannels, 2, 2}, dnnl::memory::data_type::f32, layout);
  const dnnl::memory::desc pixel({1, kChannels, 1, 1}, dnnl::memory::data_type::f32, layout);
  const dnnl::pooling_forward::primitive_desc pool(engine, dnnl::prop_kind::forward_inference,
                                                   dnnl::algorithm::pooling_max, image, pixel, {2, 2}, {2, 2},
                                                   {0, 0}, {0, 0}, {0, 0});
  std::vector<float> source, target(kChannels, 7);
  for (int i = 0; i < 4 * kChannels; ++i)
    source.push_back(window[layout == dnnl::memory::format_tag::nchw ? i % 4 : i / kChannels]);
  dnnl::memory from(image, engine, source.data()), to(pixel, engine, target.data());
  dnnl::pooling_forward(pool).execute(stream, {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
  stream.wait();
  return target[0];
}

int main() {
  const float inf = std::numeric_limits<float>::infinity();
  const dnnl_version_t* version = dnnl_version();
  std::printf("%d.%d.%d\n", version->major, version->minor, version->patch);
  for (const auto layout : {dnnl::memory::format_tag::nchw, dnnl::memory::format_tag::nhwc})
    for (const std::vector<float>& window : {std::vector<float>{NAN, 1, 2, 3}, {1, 2, 3, NAN}, {NAN, NAN, NAN, NAN},
                                             {-inf, -inf, -inf, -inf}, {-inf, 1, 2, 3}})
      std::printf("%g\n", pooled(window, layout));
}
CPP
g++ -std=c++17 -O1 pools.cpp -I"$headers" -L"$library" -ldnnl -Wl,-rpath,"$library" -o pools

seen=$(./pools | tr '\n' ' ')
known='3.2.0 3 3 -3.40282e+38 -3.40282e+38 3 3 3 -3.40282e+38 -3.40282e+38 3 '
echo "seen:  $seen"
echo "known: $known"
[[ $seen == "$known" ]] || { echo "oneDNN's max pooling no longer does what this file says" >&2; exit 1; }
