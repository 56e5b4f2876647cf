// PNG of every colour type and depth, against the values of Pillow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "io/pictures/image_codec.hpp"
#include "tests/io/pictures/png_file.hpp"

namespace annulus::io {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

Image decode(const std::string& file, const DecodeOptions& options = {}) {
  ImageDecoder decoder;
  return decoder.decode(std::as_bytes(std::span(file)), options, "x.png");
}

FloatImage decode_float(const std::string& file, const DecodeOptions& options = {}) {
  ImageDecoder decoder;
  return decoder.decode_float(std::as_bytes(std::span(file)), options, "x.png");
}

/// The four pixels of patterned_png(kind, 4, 1).
struct Expected {
  PngKind kind;
  std::vector<int> rgb;
  std::vector<int> grey;
  std::vector<int> on_black;  ///< RGB laid on black
};

// By Pillow 13.0.0, im = Image.open(file):
//   python3 -c "numpy.asarray(im.convert('RGB')).ravel(), numpy.asarray(im.convert('L')).ravel();
//     ground = Image.new('RGB', im.size); rgba = im.convert('RGBA')
//     ground.paste(rgba.convert('RGB'), mask=rgba.getchannel('A')); numpy.asarray(ground).ravel()"
// but for what Pillow itself has otherwise: grey of 16 bits (mode I;16), which convert() cuts off at 255, is
// its array
// >> 8 here, as OpenCV's imread has it; and tRNS of grey with 2, 4 or 16 bits and of RGB with 16 bits, which
// convert() compares with values of 8 bits and so never finds, makes pixel 1 transparent here, as the PNG
// specification (11.3.2) has it.
const Expected kExpected[] = {
    {{PNG_COLOR_TYPE_GRAY, 1, false},
     {0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0},
     {0, 255, 0, 0},
     {0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 1, true},
     {0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0},
     {0, 255, 0, 0},
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 2, false},
     {0, 0, 0, 255, 255, 255, 85, 85, 85, 0, 0, 0},
     {0, 255, 85, 0},
     {0, 0, 0, 255, 255, 255, 85, 85, 85, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 2, true},
     {0, 0, 0, 255, 255, 255, 85, 85, 85, 0, 0, 0},
     {0, 255, 85, 0},
     {0, 0, 0, 0, 0, 0, 85, 85, 85, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 4, false},
     {34, 34, 34, 204, 204, 204, 102, 102, 102, 0, 0, 0},
     {34, 204, 102, 0},
     {34, 34, 34, 204, 204, 204, 102, 102, 102, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 4, true},
     {34, 34, 34, 204, 204, 204, 102, 102, 102, 0, 0, 0},
     {34, 204, 102, 0},
     {34, 34, 34, 0, 0, 0, 102, 102, 102, 0, 0, 0}},
    {{PNG_COLOR_TYPE_GRAY, 8, false},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5},
     {42, 201, 103, 5},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5}},
    {{PNG_COLOR_TYPE_GRAY, 8, true},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5},
     {42, 201, 103, 5},
     {42, 42, 42, 0, 0, 0, 103, 103, 103, 5, 5, 5}},
    {{PNG_COLOR_TYPE_GRAY, 16, false},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5},
     {42, 201, 103, 5},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5}},
    {{PNG_COLOR_TYPE_GRAY, 16, true},
     {42, 42, 42, 201, 201, 201, 103, 103, 103, 5, 5, 5},
     {42, 201, 103, 5},
     {42, 42, 42, 0, 0, 0, 103, 103, 103, 5, 5, 5}},
    {{PNG_COLOR_TYPE_RGB, 8, false},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247},
     {142, 105, 144, 136},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247}},
    {{PNG_COLOR_TYPE_RGB, 8, true},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247},
     {142, 105, 144, 136},
     {42, 201, 103, 0, 0, 0, 224, 126, 28, 186, 89, 247}},
    {{PNG_COLOR_TYPE_RGB, 16, false},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247},
     {142, 105, 144, 136},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247}},
    {{PNG_COLOR_TYPE_RGB, 16, true},
     {42, 201, 103, 5, 163, 66, 224, 126, 28, 186, 89, 247},
     {142, 105, 144, 136},
     {42, 201, 103, 0, 0, 0, 224, 126, 28, 186, 89, 247}},
    {{PNG_COLOR_TYPE_PALETTE, 1, false},
     {91, 128, 165, 202, 239, 20, 91, 128, 165, 91, 128, 165},
     {121, 203, 121, 121},
     {91, 128, 165, 202, 239, 20, 91, 128, 165, 91, 128, 165}},
    {{PNG_COLOR_TYPE_PALETTE, 1, true},
     {91, 128, 165, 202, 239, 20, 91, 128, 165, 91, 128, 165},
     {121, 203, 121, 121},
     {4, 5, 6, 50, 59, 5, 4, 5, 6, 4, 5, 6}},
    {{PNG_COLOR_TYPE_PALETTE, 2, false},
     {91, 128, 165, 168, 205, 242, 202, 239, 20, 91, 128, 165},
     {121, 198, 203, 121},
     {91, 128, 165, 168, 205, 242, 202, 239, 20, 91, 128, 165}},
    {{PNG_COLOR_TYPE_PALETTE, 2, true},
     {91, 128, 165, 168, 205, 242, 202, 239, 20, 91, 128, 165},
     {121, 198, 203, 121},
     {4, 5, 6, 111, 136, 160, 50, 59, 5, 4, 5, 6}},
    {{PNG_COLOR_TYPE_PALETTE, 4, false},
     {57, 94, 131, 143, 180, 217, 245, 26, 63, 91, 128, 165},
     {87, 173, 96, 121},
     {57, 94, 131, 143, 180, 217, 245, 26, 63, 91, 128, 165}},
    {{PNG_COLOR_TYPE_PALETTE, 4, true},
     {57, 94, 131, 143, 180, 217, 245, 26, 63, 91, 128, 165},
     {87, 173, 96, 121},
     {26, 43, 60, 75, 95, 114, 69, 7, 18, 4, 5, 6}},
    {{PNG_COLOR_TYPE_PALETTE, 8, false},
     {145, 182, 219, 130, 167, 204, 4, 41, 78, 134, 171, 208},
     {175, 160, 34, 164},
     {145, 182, 219, 130, 167, 204, 4, 41, 78, 134, 171, 208}},
    {{PNG_COLOR_TYPE_PALETTE, 8, true},
     {145, 182, 219, 130, 167, 204, 4, 41, 78, 134, 171, 208},
     {175, 160, 34, 164},
     {107, 134, 161, 85, 109, 134, 1, 15, 28, 10, 13, 15}},
    {{PNG_COLOR_TYPE_GRAY_ALPHA, 8, false},
     {42, 42, 42, 103, 103, 103, 163, 163, 163, 224, 224, 224},
     {42, 103, 163, 224},
     {33, 33, 33, 2, 2, 2, 42, 42, 42, 111, 111, 111}},
    {{PNG_COLOR_TYPE_GRAY_ALPHA, 16, false},
     {42, 42, 42, 103, 103, 103, 163, 163, 163, 224, 224, 224},
     {42, 103, 163, 224},
     {33, 33, 33, 2, 2, 2, 42, 42, 42, 111, 111, 111}},
    {{PNG_COLOR_TYPE_RGB_ALPHA, 8, false},
     {42, 201, 103, 163, 66, 224, 28, 186, 89, 149, 51, 209},
     {142, 113, 128, 98},
     {1, 4, 2, 81, 33, 111, 27, 180, 86, 65, 22, 92}},
    {{PNG_COLOR_TYPE_RGB_ALPHA, 16, false},
     {42, 201, 103, 163, 66, 224, 28, 186, 89, 149, 51, 209},
     {142, 113, 128, 98},
     {1, 4, 2, 81, 33, 111, 27, 180, 86, 65, 22, 92}},
};

class EveryPng : public testing::TestWithParam<Expected> {};

std::vector<int> numbers(const Image& image) { return {image.pixels.begin(), image.pixels.end()}; }

TEST_P(EveryPng, HasTheValuesOfPillow) {
  const PngFile file = patterned_png(GetParam().kind, 4, 1);

  EXPECT_EQ(numbers(decode(png_file(file))), GetParam().rgb);
  EXPECT_EQ(numbers(decode(png_file(file), {.colour = Colour::grey})), GetParam().grey);
  EXPECT_EQ(numbers(decode(png_file(file), {.alpha = Alpha::black})), GetParam().on_black);
}

TEST_P(EveryPng, IsTheSameInterlacedAndWhateverItsGammaAndSignificantBits) {
  const PngFile plain = patterned_png(GetParam().kind, 9, 7);
  PngFile interlaced = plain;
  interlaced.interlaced = true;
  PngFile linear = plain;
  linear.gamma = 1.0;
  PngFile few_bits = plain;
  few_bits.significant_bits = 1;

  const Image expected = decode(png_file(plain));

  EXPECT_EQ(decode(png_file(interlaced)).pixels, expected.pixels);
  EXPECT_EQ(decode(png_file(linear)).pixels, expected.pixels);
  EXPECT_EQ(decode(png_file(few_bits)).pixels, expected.pixels);
  EXPECT_EQ(decode_float(png_file(interlaced)).pixels, decode_float(png_file(plain)).pixels);
}

TEST_P(EveryPng, LiesOnWhiteAsFarAsItIsTransparent) {
  const std::string file = png_file(patterned_png(GetParam().kind, 4, 1));

  const std::vector<int> opaque = numbers(decode(file));
  const std::vector<int> black = numbers(decode(file, {.alpha = Alpha::black}));
  const std::vector<int> white = numbers(decode(file, {.alpha = Alpha::white}));

  for (std::size_t pixel = 0; pixel < 4; ++pixel) {
    const int shine =
        white[3 * pixel] - black[3 * pixel];  // of the ground: 255 - alpha, to within a rounding
    for (std::size_t c = 3 * pixel; c < 3 * pixel + 3; ++c) {
      EXPECT_NEAR(white[c] - black[c], shine, 1) << "pixel " << pixel;
      EXPECT_NEAR(black[c], opaque[c] * (255 - shine) / 255.0, 1.5) << "pixel " << pixel;
    }
  }
}

std::string name_of(const testing::TestParamInfo<Expected>& test) {
  static const std::map<int, std::string> kTypes{{PNG_COLOR_TYPE_GRAY, "grey"},
                                                 {PNG_COLOR_TYPE_RGB, "rgb"},
                                                 {PNG_COLOR_TYPE_PALETTE, "palette"},
                                                 {PNG_COLOR_TYPE_GRAY_ALPHA, "grey_alpha"},
                                                 {PNG_COLOR_TYPE_RGB_ALPHA, "rgb_alpha"}};
  const PngKind& kind = test.param.kind;
  return kTypes.at(kind.colour_type) + "_" + std::to_string(kind.depth) + (kind.transparency ? "_trns" : "");
}

INSTANTIATE_TEST_SUITE_P(Png, EveryPng, testing::ValuesIn(kExpected), name_of);

TEST(Png, SixteenBitsStayWholeInFloats) {
  PngFile grey{.colour_type = PNG_COLOR_TYPE_GRAY, .depth = 16, .width = 4, .samples = {0, 1, 32768, 65535}};
  PngFile colour{.depth = 16, .width = 1, .samples = {1000, 20000, 65535}};
  PngFile glass{.colour_type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 16, .width = 1, .samples = {20000, 16384}};

  const FloatImage ramp = decode_float(png_file(grey), {.colour = Colour::grey});

  EXPECT_THAT(ramp.pixels, ElementsAre(0.0f, FloatEq(1 / 257.0f), FloatEq(32768 / 257.0f), 255.0f));
  EXPECT_TRUE(ramp.notes.deep);
  EXPECT_THAT(
      decode_float(png_file(colour), {.colour = Colour::grey}).pixels,
      ElementsAre(FloatEq((0.298995972f * 1000 + 0.587005615f * 20000 + 0.113998413f * 65535) / 257)));
  EXPECT_THAT(decode_float(png_file(glass), {.colour = Colour::grey, .alpha = Alpha::black}).pixels,
              ElementsAre(FloatEq(20000 / 257.0f * (16384 / 65535.0f))));
}

TEST(Png, EightBitsAreTheSameInFloats) {
  const std::string file = png_file(patterned_png({PNG_COLOR_TYPE_RGB, 8, false}, 5, 3));
  const Image bytes = decode(file);

  EXPECT_EQ(decode_float(file).pixels, std::vector<float>(bytes.pixels.begin(), bytes.pixels.end()));
}

TEST(Png, NotesSayWhatThePixelsDoNotShow) {
  PngFile opaque{
      .colour_type = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 8, .width = 2, .samples = {9, 255, 8, 255}};
  PngFile glass = opaque;
  glass.samples[3] = 254;

  EXPECT_FALSE(decode(png_file(opaque)).notes.transparent);
  EXPECT_TRUE(decode(png_file(glass)).notes.transparent);
  EXPECT_FALSE(decode(png_file(opaque)).notes.deep);
}

}  // namespace
}  // namespace annulus::io
