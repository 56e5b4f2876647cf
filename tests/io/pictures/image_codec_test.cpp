// Decoding JPEG and PNG, and resampling against values worked out by hand.
#include "io/pictures/image_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Image decode(const std::string& file, Colour colour = Colour::rgb) {
  ImageDecoder decoder;
  return decoder.decode(std::as_bytes(std::span(file)), colour, "photos.tar, cat/1.jpg");
}

TEST(ImageCodec, DecodesJpegToWithinAStep) {
  const Image image = plain_image(8, 16, {200, 100, 50});

  const Image back = decode(jpeg(image));

  ASSERT_EQ(back.height, 8);
  ASSERT_EQ(back.width, 16);
  ASSERT_EQ(back.channels, 3);
  // One colour at quality 100: only the rounding of the colour transform is left.
  for (std::size_t i = 0; i < back.pixels.size(); ++i) ASSERT_NEAR(back.pixels[i], image.pixels[i], 2) << i;
}

TEST(ImageCodec, DecodesPngExactly) {
  Image image = plain_image(2, 3, {0, 0, 0});
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(13 * i);

  const Image back = decode(png(image, PNG_FORMAT_RGB));

  EXPECT_EQ(back.pixels, image.pixels);
  EXPECT_EQ(back.height, 2);
  EXPECT_EQ(back.width, 3);
}

TEST(ImageCodec, ConvertsBetweenGreyAndRgb) {
  const Image grey = plain_image(4, 4, {77});

  const Image from_png = decode(png(grey, PNG_FORMAT_GRAY));
  const Image from_jpeg = decode(jpeg(grey));
  const Image to_grey = decode(jpeg(plain_image(4, 4, {90, 90, 90})), Colour::grey);

  EXPECT_EQ(from_png.channels, 3);
  EXPECT_THAT(from_png.pixels, testing::Each(77));
  EXPECT_THAT(from_jpeg.pixels, testing::Each(77));
  EXPECT_EQ(to_grey.channels, 1);
  EXPECT_EQ(to_grey.pixels.size(), 16u);
  EXPECT_THAT(to_grey.pixels, testing::Each(90));
}

TEST(ImageCodec, LaysTransparentPixelsOnBlack) {
  const Image clear = plain_image(1, 1, {255, 255, 255, 0});

  EXPECT_THAT(decode(png(clear, PNG_FORMAT_RGBA)).pixels, ElementsAre(0, 0, 0));
}

TEST(ImageCodec, NamesDamagedImages) {
  Image noise = plain_image(32, 32, {0, 0, 0});
  for (std::size_t i = 0; i < noise.pixels.size(); ++i)
    noise.pixels[i] = static_cast<std::uint8_t>(i * i * 31 + i);
  const std::string photo = jpeg(noise);
  const std::string picture = png(noise, PNG_FORMAT_RGB);
  const auto error = [](const std::string& file) { return error_of([&] { decode(file); }); };
  std::string flipped = picture;
  flipped[flipped.size() / 2] ^= 0x10;

  EXPECT_THAT(error(photo.substr(0, photo.size() / 2)),
              AllOf(HasSubstr("photos.tar, cat/1.jpg: cannot be decoded"), HasSubstr("remature end")));
  EXPECT_THAT(error(photo.substr(0, 30)), HasSubstr("cannot be decoded"));
  EXPECT_THAT(error(picture.substr(0, picture.size() / 2)), HasSubstr("cannot be decoded"));
  EXPECT_THAT(error(flipped), HasSubstr("cannot be decoded"));
  EXPECT_THAT(error("GIF89a not for us"), HasSubstr("neither JPEG nor PNG"));
  EXPECT_THAT(error(""), HasSubstr("(0 bytes)"));
}

TEST(ImageCodec, RefusesAbsurdSizesBeforeAllocating) {
  std::string bomb = jpeg(plain_image(8, 8, {1, 2, 3}));
  const std::size_t frame = bomb.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bomb.replace(frame + 5, 4, "\xf0\x00\xf0\x00", 4);  // height and width of the frame header

  EXPECT_THAT(error_of([&] { decode(bomb); }), HasSubstr("claims 61440 x 61440 pixels"));
}

TEST(ImageCodec, KnowsImageNames) {
  EXPECT_TRUE(has_image_name("cat/1.JPG"));
  EXPECT_TRUE(has_image_name("1.jpeg"));
  EXPECT_TRUE(has_image_name("a.b.png"));
  EXPECT_FALSE(has_image_name("jpg"));
  EXPECT_FALSE(has_image_name("labels.txt"));
}

TEST(Resize, MatchesValuesByHand) {
  const Image pair{1, 2, 1, {0, 100}};
  const Image four{1, 4, 1, {0, 40, 80, 120}};

  const Image doubled = resize(pair, 1, 4);
  const Image halved = resize(four, 1, 2);

  // Enlarging: output centres lie at 1/4, 3/4, 5/4, 7/4; the triangle of radius 1 weighs both neighbours.
  EXPECT_THAT(doubled.pixels, ElementsAre(0, 25, 75, 100));
  // Shrinking by 2: radius 2 around 1: pixels 0, 1, 2 weigh 3/8, 3/8, 1/8 of 7/8: (3*0 + 3*40 + 80) / 7
  // = 28.6.
  EXPECT_THAT(halved.pixels, ElementsAre(29, 91));
}

TEST(Resize, KeepsPlainImagesAndChannels) {
  const Image image = plain_image(7, 5, {10, 200, 30});

  const Image result = resize(image, 3, 11);

  EXPECT_EQ(result.pixels, plain_image(3, 11, {10, 200, 30}).pixels);
  EXPECT_EQ(resize(image, 7, 5).pixels, image.pixels);
}

}  // namespace
}  // namespace annulus::io
