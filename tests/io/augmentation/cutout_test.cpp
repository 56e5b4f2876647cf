// Where the square of a cutout may lie.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "io/augmentation/augmentation.hpp"

namespace annulus::io {
namespace {

TEST(Cutout, ReachesEveryPixelOfAnImageThatIsNotSquare) {
  for (const SampleShape& shape : {SampleShape{2, 9, 1}, SampleShape{9, 2, 1}}) {
    SourceInfo info;
    info.shape = shape;
    info.pixels = PixelType::uint8;
    AugmentationOptions options;
    options.cutout_size = 2;
    const Generator generator(info, options, {}, 1);
    const std::vector<std::byte> raw(18, std::byte{200});
    std::vector<float> image(18);
    std::set<std::size_t> zeros;
    for (std::uint64_t sample = 0; sample < 200; ++sample) {
      generator.make(raw, 0, sample, PixelLayout::channels_last, image);
      for (std::size_t i = 0; i < image.size(); ++i)
        if (image[i] == 0) zeros.insert(i);
    }

    EXPECT_EQ(zeros.size(), 18u) << shape.height << " x " << shape.width;
  }
}

}  // namespace
}  // namespace annulus::io
