// The first row is needed again at the end, when it has been mixed itself: a copy of it goes along, a piece
// at a time.
#include "io/augmentation/mixup.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "io/augmentation/mixup_rules.hpp"

namespace annulus::io {

void mix_rows(std::span<const float> shares, std::span<float> rows, std::size_t length, RowPart part) {
  constexpr std::size_t kPiece = 1024;
  expect_contract(rows.size() == shares.size() * length && part.end <= length, "every row has its share");
  if (shares.size() < 2) return;
  std::array<float, kPiece> first{};
  for (std::size_t begin = part.begin; begin < part.end; begin += kPiece) {
    const std::size_t count = std::min(kPiece, part.end - begin);
    std::copy_n(rows.data() + begin, count, first.data());
    for (std::size_t i = 0; i < shares.size(); ++i) {
      float* const own = rows.data() + i * length + begin;
      const float* const other = i + 1 < shares.size() ? own + length : first.data();
      for (std::size_t k = 0; k < count; ++k) own[k] = rules::mixed(own[k], other[k], shares[i]);
    }
  }
}

}  // namespace annulus::io
