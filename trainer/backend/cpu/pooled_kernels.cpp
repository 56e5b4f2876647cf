// AVX-512 code. Inner loops keep one 3x3 (or 4x4) patch of 16 channels in registers and do nine multiply-adds
// for each gradient that is not zero.
//
// Geometry. A pooled pixel (y, x) has seen 2x2 outputs of the convolution, each of which has seen 3x3
// elements of the padded source: together the 4x4 patch that starts at (2y, 2x). The winner says which 3x3
// part counts:
//
//     winner 0      winner 1      winner 2      winner 3
//     X X X .       . X X X       . . . .       . . . .
//     X X X .       . X X X       X X X .       . X X X
//     X X X .       . X X X       X X X .       . X X X
//     . . . .       . . . .       X X X .       . X X X
//
// With the source padded to 2 rows and columns more than the convolution puts out every patch is whole, so no
// loop asks for borders. What only a dropped last row or column has seen gets its zero gradient from the
// zeros that a gradient starts from.
//
// The gradient of a sample is listed twice, because the two results want it in different orders:
//   by filter   kernel gradient: the 9 sums of a filter stay in registers while its pixels go by, and each
//               gradient needs only the address of its 3x3 window in the source
//   by pixel    source gradient: the 16 sums of a patch stay in registers while the filters go by, and each
//               gradient needs only the address of its filter, the winner being the same for a whole sublist
// Both have a fixed order (pixels; at a pixel winners, then filters), and so have the sums.
#include "trainer/backend/cpu/pooled_kernels.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "trainer/backend/cpu/avx512.hpp"

namespace annulus::trainer::cpu {
namespace {

constexpr int kFilterFloats = kTaps * kBlock;  // of one block of input channels
// The kernel gradient is the one loop that goes over the source again and again, once per filter. It does so
// band by band: the rows of a band stay in the first-level cache until all filters have read them. 24 of its
// 32 KiB, since the filter's list and its sums pass through it as well.
constexpr std::size_t kBandBytes = 24 * 1024;

/// Not equal to zero; NaN counts, so that it travels on.
ANNULUS_AVX512 inline __mmask16 nonzero(Vector value) {
  return _mm512_cmp_ps_mask(value, _mm512_setzero_ps(), _CMP_NEQ_UQ);
}
/// Set bits. The conversion is spelled out because GCC 12 may spill two bytes of a mask and reload four of
/// them.
ANNULUS_AVX512 inline int count_of(__mmask16 mask) { return __builtin_popcount(_cvtmask16_u32(mask)); }
ANNULUS_AVX512 inline __m512i lanes() {
  return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// The largest so far and its number in the window.
struct Maximum {
  Vector value;
  __m512i winner;
};
/// takes_over() of planning/max_pool_rule.hpp, lane by lane.
ANNULUS_AVX512 inline void challenge(Maximum& best, Vector value, int number) {
  const __mmask16 open = _mm512_cmp_ps_mask(best.value, best.value, _CMP_ORD_Q);
  const __mmask16 wins = _mm512_mask_cmp_ps_mask(open, value, best.value, _CMP_NLE_UQ);
  best.value = _mm512_mask_mov_ps(best.value, wins, value);
  best.winner = _mm512_mask_mov_epi32(best.winner, wins, _mm512_set1_epi32(number));
}

ANNULUS_AVX512 inline Vector low_pairs(Vector a, Vector b) {
  return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
ANNULUS_AVX512 inline Vector high_pairs(Vector a, Vector b) {
  return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
/// Quarters 0 and 2 of a, then of b; and quarters 1 and 3.
ANNULUS_AVX512 inline Vector even_quarters(Vector a, Vector b) { return _mm512_shuffle_f32x4(a, b, 0x88); }
ANNULUS_AVX512 inline Vector odd_quarters(Vector a, Vector b) { return _mm512_shuffle_f32x4(a, b, 0xdd); }

/// rows[i][j] <-> rows[j][i]: first inside quarters of four floats, then the quarters among rows.
ANNULUS_AVX512 inline void transpose(Vector (&rows)[16]) {
  Vector t[16];
  ANNULUS_UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
  ANNULUS_UNROLL for (int i = 0; i < 16; i += 4) {
    rows[i] = low_pairs(t[i], t[i + 2]);
    rows[i + 1] = high_pairs(t[i], t[i + 2]);
    rows[i + 2] = low_pairs(t[i + 1], t[i + 3]);
    rows[i + 3] = high_pairs(t[i + 1], t[i + 3]);
  }
  ANNULUS_UNROLL for (int i = 0; i < 4; ++i) {
    const Vector even = even_quarters(rows[i], rows[i + 4]), even2 = even_quarters(rows[i + 8], rows[i + 12]);
    const Vector odd = odd_quarters(rows[i], rows[i + 4]), odd2 = odd_quarters(rows[i + 8], rows[i + 12]);
    rows[i] = even_quarters(even, even2);
    rows[i + 4] = even_quarters(odd, odd2);
    rows[i + 8] = odd_quarters(even, even2);
    rows[i + 12] = odd_quarters(odd, odd2);
  }
}

/// Adds a filter to the 3x3 part of a 4x4 patch that starts at (Row, Column), once for each listed gradient.
template <int Row, int Column>
ANNULUS_AVX512 inline __attribute__((always_inline)) void add_filters(Vector (&patch)[4][4],
                                                                      const float* values,
                                                                      const std::uint32_t* offsets, int count,
                                                                      const float* kernel) {
  for (int i = 0; i < count; ++i) {
    const Vector value = _mm512_set1_ps(values[i]);
    const float* filter = kernel + offsets[i];
    ANNULUS_UNROLL for (int tap = 0; tap < kTaps; ++tap) {
      Vector& sum = patch[Row + tap / 3][Column + tap % 3];
      sum = _mm512_fmadd_ps(value, load(filter + tap * kBlock), sum);
    }
  }
}

/// Calls body(row of the image, the same row inside an image with zeros around it), as offsets in floats.
template <class Body>
void for_rows(const PooledShape& shape, const Body& body) {
  for (int block = 0; block < shape.source_blocks(); ++block)
    for (int y = 0; y < shape.height; ++y) {
      const int staged_row = block * shape.padded_height() + y + shape.padding_top;
      body(
          static_cast<std::size_t>(block * shape.height + y) * static_cast<std::size_t>(shape.width) * kBlock,
          static_cast<std::size_t>(staged_row * shape.padded_width() + shape.padding_left) * kBlock);
    }
}

std::size_t round_up(std::size_t count) { return (count + kBlock - 1) / kBlock * kBlock; }

class BlockedBackward final : public PooledBackward {
 public:
  explicit BlockedBackward(const PooledShape& shape);
  std::size_t scratch_floats() const override;
  void place(float* scratch) override;
  void take(const float* gradient, const std::uint8_t* winners) override;
  void add_kernel_gradient(const float* source, float* kernel_gradient) override;
  void source_gradient(const float* kernel, float* gradient) override;

 private:
  void list_by_filter(const float* gradient, const std::uint8_t* winners);
  void list_by_pixel(const float* gradient, const std::uint8_t* winners);

  PooledShape shape_;
  std::vector<std::int32_t>
      window_starts_;              // (pixels): of the 4x4 patch below a window, in bytes of the source
  int band_rows_ = 1, bands_ = 1;  // pooled rows whose windows stay in the first-level cache together
  // By filter, in bands: gradients and where their 3x3 windows start in the padded source, in bytes.
  float* filter_values_ = nullptr;          // (filters, filter_stride_)
  std::int32_t* filter_offsets_ = nullptr;  // as above
  std::vector<std::int32_t> filter_ends_;   // (filters, bands)
  // By pooled pixel and winner: gradients and where their filter starts in the kernel, in floats.
  float* pixel_values_ = nullptr;            // (pixels, pixel_stride_)
  std::uint32_t* pixel_offsets_ = nullptr;   // as above
  std::vector<std::uint16_t> pixel_counts_;  // (pixels, 4)
  float* staged_ = nullptr;                  // a source or its gradient, with the zeros around it
  std::size_t filter_stride_ = 0, pixel_stride_ = 0;
};

BlockedBackward::BlockedBackward(const PooledShape& shape) : shape_(shape) {
  const std::size_t row_bytes = static_cast<std::size_t>(shape.padded_width()) * kVectorBytes;
  const int rows = static_cast<int>(kBandBytes / row_bytes);  // of the source; a band of n reads 2 n + 2
  band_rows_ = std::clamp((rows - 2) / 2, 1, shape.pooled_height);
  bands_ = (shape.pooled_height + band_rows_ - 1) / band_rows_;
  filter_stride_ = round_up(static_cast<std::size_t>(shape.pixels())) + kBlock;  // stores write whole vectors
  pixel_stride_ = static_cast<std::size_t>(shape.target_channels) + kBlock;
  filter_ends_.resize(static_cast<std::size_t>(shape.target_channels * bands_));
  pixel_counts_.resize(static_cast<std::size_t>(shape.pixels()) * 4);
  window_starts_.resize(static_cast<std::size_t>(shape.pixels()));
  for (int pixel = 0; pixel < shape.pixels(); ++pixel) {
    const int y = pixel / shape.pooled_width, x = pixel % shape.pooled_width;
    window_starts_[static_cast<std::size_t>(pixel)] = (2 * y * shape.padded_width() + 2 * x) * kVectorBytes;
  }
}

std::size_t BlockedBackward::scratch_floats() const {
  const auto filters = static_cast<std::size_t>(shape_.target_channels);
  const auto pixels = static_cast<std::size_t>(shape_.pixels());
  return 2 * filters * filter_stride_ + 2 * pixels * pixel_stride_ +
         (shape_.padded() ? shape_.padded_floats() : 0);
}

void BlockedBackward::place(float* scratch) {
  const auto filters = static_cast<std::size_t>(shape_.target_channels);
  const auto pixels = static_cast<std::size_t>(shape_.pixels());
  const auto take = [&](std::size_t count) { return std::exchange(scratch, scratch + count); };
  filter_values_ = take(filters * filter_stride_);
  filter_offsets_ = reinterpret_cast<std::int32_t*>(take(filters * filter_stride_));
  pixel_values_ = take(pixels * pixel_stride_);
  pixel_offsets_ = reinterpret_cast<std::uint32_t*>(take(pixels * pixel_stride_));
  staged_ = shape_.padded() ? scratch : nullptr;
}

void BlockedBackward::take(const float* gradient, const std::uint8_t* winners) {
  list_by_filter(gradient, winners);
  list_by_pixel(gradient, winners);
}

/// Sixteen pixels at a time: a vector of channels for each becomes a vector of pixels for each channel.
ANNULUS_AVX512 void BlockedBackward::list_by_filter(const float* gradient, const std::uint8_t* winners) {
  const int row = shape_.padded_width() * kVectorBytes;
  const __m512i corner =
      _mm512_setr_epi32(0, kVectorBytes, row, row + kVectorBytes, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const int band_pixels = band_rows_ * shape_.pooled_width;
  for (int block = 0; block < shape_.target_blocks(); ++block) {
    std::int32_t counts[kBlock] = {};  // of the lists of 16 filters, which grow side by side
    for (int band = 0; band < bands_; ++band) {
      const int end = std::min((band + 1) * band_pixels, shape_.pixels());
      for (int first = band * band_pixels; first < end; first += kBlock) {
        Vector values[kBlock], offsets[kBlock];
        for (int i = 0; i < kBlock; ++i) {
          const bool inside = first + i < end;
          const int pixel = inside ? first + i : first;
          const std::size_t at = static_cast<std::size_t>(block * shape_.pixels() + pixel) * kBlock;
          const __m512i start = _mm512_permutexvar_epi32(load_bytes(winners + at), corner);
          values[i] = inside ? load(gradient + at) : _mm512_setzero_ps();
          offsets[i] = _mm512_castsi512_ps(
              _mm512_add_epi32(start, _mm512_set1_epi32(window_starts_[static_cast<std::size_t>(pixel)])));
        }
        transpose(values);
        transpose(offsets);
        // Compressed in registers and stored whole: what is stored beyond the count is overwritten by the
        // next store, or lies in the slack of the stride. A compressing store to memory is many times slower
        // on some processors (Zen 4).
        for (int lane = 0; lane < kBlock; ++lane) {
          const std::size_t to = static_cast<std::size_t>(block * kBlock + lane) * filter_stride_ +
                                 static_cast<std::size_t>(counts[lane]);
          const __mmask16 kept = nonzero(values[lane]);
          store(filter_values_ + to, _mm512_maskz_compress_ps(kept, values[lane]));
          _mm512_storeu_si512(filter_offsets_ + to,
                              _mm512_castps_si512(_mm512_maskz_compress_ps(kept, offsets[lane])));
          counts[lane] += count_of(kept);
        }
      }
      for (int lane = 0; lane < kBlock; ++lane)
        filter_ends_[static_cast<std::size_t>((block * kBlock + lane) * bands_ + band)] = counts[lane];
    }
  }
}

ANNULUS_AVX512 void BlockedBackward::list_by_pixel(const float* gradient, const std::uint8_t* winners) {
  const int filter = shape_.source_blocks() * kFilterFloats;  // floats from one filter to the next
  const __m512i in_block = _mm512_mullo_epi32(lanes(), _mm512_set1_epi32(filter));
  for (int pixel = 0; pixel < shape_.pixels(); ++pixel) {
    const std::size_t start = static_cast<std::size_t>(pixel) * pixel_stride_;
    std::size_t to = start;
    for (int winner = 0; winner < 4; ++winner) {
      const std::size_t before = to;
      for (int block = 0; block < shape_.target_blocks(); ++block) {
        const std::size_t at = static_cast<std::size_t>(block * shape_.pixels() + pixel) * kBlock;
        const Vector values = load(gradient + at);
        const __mmask16 kept = _mm512_mask_cmpeq_epi32_mask(nonzero(values), load_bytes(winners + at),
                                                            _mm512_set1_epi32(winner));
        const __m512i offsets = _mm512_add_epi32(in_block, _mm512_set1_epi32(block * kBlock * filter));
        store(pixel_values_ + to, _mm512_maskz_compress_ps(kept, values));
        _mm512_storeu_si512(pixel_offsets_ + to, _mm512_maskz_compress_epi32(kept, offsets));
        to += static_cast<std::size_t>(count_of(kept));
      }
      pixel_counts_[static_cast<std::size_t>(pixel) * 4 + static_cast<std::size_t>(winner)] =
          static_cast<std::uint16_t>(to - before);
    }
  }
}

ANNULUS_AVX512 void BlockedBackward::add_kernel_gradient(const float* source, float* kernel_gradient) {
  if (staged_ != nullptr) {
    std::memset(staged_, 0, shape_.padded_floats() * sizeof(float));
    for_rows(shape_, [&](std::size_t plain, std::size_t staged) {
      std::memcpy(staged_ + staged, source + plain, static_cast<std::size_t>(shape_.width) * kVectorBytes);
    });
    source = staged_;
  }
  const std::size_t row = static_cast<std::size_t>(shape_.padded_width()) * kBlock;
  for (int block = 0; block < shape_.source_blocks();
       ++block, source += static_cast<std::size_t>(shape_.padded_height()) * row) {
    for (int band = 0; band < bands_; ++band) {
      for (int filter = 0; filter < shape_.target_channels; ++filter) {
        float* to = kernel_gradient +
                    static_cast<std::size_t>(filter * shape_.source_blocks() + block) * kFilterFloats;
        const std::size_t list = static_cast<std::size_t>(filter) * filter_stride_;
        const std::int32_t* ends = &filter_ends_[static_cast<std::size_t>(filter * bands_)];
        Vector sums[kTaps];
        // The sums go on from memory: earlier samples and earlier bands are in them already.
        ANNULUS_UNROLL for (int tap = 0; tap < kTaps; ++tap) sums[tap] = load(to + tap * kBlock);
        for (int i = band > 0 ? ends[band - 1] : 0; i < ends[band]; ++i) {
          const Vector value = _mm512_set1_ps(filter_values_[list + static_cast<std::size_t>(i)]);
          const auto* window =
              reinterpret_cast<const float*>(reinterpret_cast<const std::byte*>(source) +
                                             filter_offsets_[list + static_cast<std::size_t>(i)]);
          ANNULUS_UNROLL for (int tap = 0; tap < kTaps; ++tap) sums[tap] = _mm512_fmadd_ps(
              value, load(window + static_cast<std::size_t>(tap / 3) * row + tap % 3 * kBlock), sums[tap]);
        }
        ANNULUS_UNROLL for (int tap = 0; tap < kTaps; ++tap) store(to + tap * kBlock, sums[tap]);
      }
    }
  }
}

ANNULUS_AVX512 void BlockedBackward::source_gradient(const float* kernel, float* gradient) {
  float* padded = staged_ != nullptr ? staged_ : gradient;
  std::memset(padded, 0, shape_.padded_floats() * sizeof(float));
  const std::size_t row = static_cast<std::size_t>(shape_.padded_width()) * kBlock;
  for (int block = 0; block < shape_.source_blocks(); ++block) {
    const float* filters = kernel + block * kFilterFloats;
    float* image = padded + static_cast<std::size_t>(block * shape_.padded_height()) * row;
    for (int pixel = 0; pixel < shape_.pixels(); ++pixel) {
      const std::uint16_t* counts = &pixel_counts_[static_cast<std::size_t>(pixel) * 4];
      const float* values = pixel_values_ + static_cast<std::size_t>(pixel) * pixel_stride_;
      const std::uint32_t* offsets = pixel_offsets_ + static_cast<std::size_t>(pixel) * pixel_stride_;
      float* to =
          image + static_cast<std::size_t>(window_starts_[static_cast<std::size_t>(pixel)]) / sizeof(float);
      // Patches of neighbours overlap by two rows or columns, hence load, add, store. The four sublists name
      // their part of the patch at compile time: an index into an array of registers would put it in memory.
      Vector patch[4][4];
      ANNULUS_UNROLL for (int i = 0; i < 16; ++i) patch[i / 4][i % 4] =
          load(to + static_cast<std::size_t>(i / 4) * row + i % 4 * kBlock);
      add_filters<0, 0>(patch, values, offsets, counts[0], filters);
      values += counts[0], offsets += counts[0];
      add_filters<0, 1>(patch, values, offsets, counts[1], filters);
      values += counts[1], offsets += counts[1];
      add_filters<1, 0>(patch, values, offsets, counts[2], filters);
      values += counts[2], offsets += counts[2];
      add_filters<1, 1>(patch, values, offsets, counts[3], filters);
      ANNULUS_UNROLL for (int i = 0; i < 16; ++i)
          store(to + static_cast<std::size_t>(i / 4) * row + i % 4 * kBlock, patch[i / 4][i % 4]);
    }
  }
  if (staged_ == nullptr) return;
  for_rows(shape_, [&](std::size_t plain, std::size_t staged) {
    std::memcpy(gradient + plain, staged_ + staged, static_cast<std::size_t>(shape_.width) * kVectorBytes);
  });
}

}  // namespace

bool has_pooled_kernels() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("fma");
}

ANNULUS_AVX512 void pool_maxima(const PooledShape& shape, const float* source, float* pooled,
                                std::uint8_t* winners) {
  const std::size_t row = static_cast<std::size_t>(shape.unpooled_width()) * kBlock;
  const std::size_t rest = static_cast<std::size_t>(shape.rest_columns) * kBlock;
  for (int y = 0; y < shape.target_blocks() * shape.pooled_height; ++y) {
    for (int x = 0; x < shape.pooled_width; ++x) {
      Maximum best{load(source), _mm512_setzero_si512()};
      challenge(best, load(source + kBlock), 1);
      challenge(best, load(source + row), 2);
      challenge(best, load(source + row + kBlock), 3);
      store(pooled, best.value);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(winners), _mm512_cvtepi32_epi8(best.winner));
      source += 2 * kBlock;
      pooled += kBlock;
      winners += kBlock;
    }
    source += rest + row;  // the second row of the windows has been read
    if ((y + 1) % shape.pooled_height == 0) source += static_cast<std::size_t>(shape.rest_rows) * row;
  }
}

ANNULUS_AVX512 void add_bias_gradient(const PooledShape& shape, const float* gradient, float* bias_gradient) {
  for (int block = 0; block < shape.target_blocks(); ++block, bias_gradient += kBlock) {
    Vector sum = load(bias_gradient);
    for (int pixel = 0; pixel < shape.pixels(); ++pixel, gradient += kBlock)
      sum = _mm512_add_ps(sum, load(gradient));
    store(bias_gradient, sum);
  }
}

std::unique_ptr<PooledBackward> make_blocked_backward(const PooledShape& shape) {
  return std::make_unique<BlockedBackward>(shape);
}

}  // namespace annulus::trainer::cpu
