// Decoding JPEG and PNG, and resampling against values worked out by hand.
#include "io/pictures/image_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"
#include "tests/io/pictures/png_file.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Image decode(const std::string& file, const DecodeOptions& options = {}) {
  ImageDecoder decoder;
  return decoder.decode(std::as_bytes(std::span(file)), options, "photos.tar, cat/1.jpg");
}

/// EXIF of one tag.
std::string exif(int orientation, bool big_endian = true) {
  const std::string value{'\0', static_cast<char>(orientation)};
  std::string block(big_endian ? "MM\0*\0\0\0\10\0\1\1\22\0\3\0\0\0\1??\0\0\0\0\0\0"
                               : "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0??\0\0\0\0\0\0",
                    26);
  block.replace(block.find("??"), 2, big_endian ? value : std::string{value[1], value[0]});
  return block;
}

/// A JPEG with another segment right behind its beginning.
std::string with_segment(std::string file, char marker, const std::string& contents) {
  const std::size_t length = contents.size() + 2;
  return file.insert(
      2, std::string{'\xff', marker, static_cast<char>(length >> 8), static_cast<char>(length)} + contents);
}

std::string with_exif(const std::string& file, const std::string& block) {
  return with_segment(file, '\xe1', std::string("Exif\0\0", 6) + block);
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
  const Image to_grey = decode(jpeg(plain_image(4, 4, {90, 90, 90})), {.colour = Colour::grey});

  EXPECT_EQ(from_png.channels, 3);
  EXPECT_THAT(from_png.pixels, testing::Each(77));
  EXPECT_THAT(from_jpeg.pixels, testing::Each(77));
  EXPECT_EQ(to_grey.channels, 1);
  EXPECT_EQ(to_grey.pixels.size(), 16u);
  EXPECT_THAT(to_grey.pixels, testing::Each(90));
}

TEST(ImageCodec, TurnsPicturesAsTheirExifSays) {
  // The letter F, seen upright as 3 rows of 2, and what cameras store of it (EXIF 2.32, 4.6.5).
  const std::vector<std::uint8_t> upright{1, 2, 3, 4, 5, 6};
  const std::vector<std::vector<std::uint16_t>> stored{
      {1, 2, 3, 4, 5, 6}, {2, 1, 4, 3, 6, 5}, {6, 5, 4, 3, 2, 1}, {5, 6, 3, 4, 1, 2},
      {1, 3, 5, 2, 4, 6}, {2, 4, 6, 1, 3, 5}, {6, 4, 2, 5, 3, 1}, {5, 3, 1, 6, 4, 2}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string block = exif(orientation, orientation % 2 == 0);
    PngFile file{.colour_type = PNG_COLOR_TYPE_GRAY,
                 .width = orientation >= 5 ? 3u : 2u,
                 .samples = stored[static_cast<std::size_t>(orientation) - 1],
                 .exif = {block.begin(), block.end()}};

    const Image turned = decode(png_file(file), {.colour = Colour::grey});
    const Image left = decode(png_file(file), {.colour = Colour::grey, .orientation = Orientation::stored});

    EXPECT_EQ(turned.pixels, upright) << orientation;
    EXPECT_EQ(turned.height, 3) << orientation;
    EXPECT_EQ(turned.notes.turned, orientation != 1);
    EXPECT_EQ(std::vector<std::uint16_t>(left.pixels.begin(), left.pixels.end()), file.samples)
        << orientation;
    EXPECT_FALSE(left.notes.turned);
  }
}

TEST(ImageCodec, FindsTheOrientationOfJpegWhereverItStands) {
  const std::string photo = jpeg(plain_image(8, 16, {200, 100, 50}));
  const auto height = [](const std::string& file) { return decode(file).height; };

  EXPECT_EQ(height(with_exif(photo, exif(6))), 16);
  EXPECT_EQ(height(with_exif(photo, exif(6, false))), 16);
  EXPECT_EQ(height(with_segment(with_exif(photo, exif(8)), '\xe0', "something else")), 16);
  EXPECT_EQ(height(with_exif(photo, exif(3))), 8) << "upside down";
  EXPECT_TRUE(decode(with_exif(photo, exif(3))).notes.turned);
}

TEST(ImageCodec, NonsenseInExifTurnsNothing) {
  const std::string photo = jpeg(plain_image(8, 16, {200, 100, 50}));
  std::string far = exif(6);
  far[4] = '\x7f';  // its directory lies beyond the end
  std::string many = exif(6);
  many.replace(8, 2, "\xff\xff");  // more entries than there are
  many[11] = 0;                    // and another tag first

  for (const std::string& block : {std::string(), std::string("MM\0*", 4), exif(6).substr(0, 18), exif(0),
                                   exif(9), far, many, "XX" + exif(6).substr(2)})
    EXPECT_EQ(decode(with_exif(photo, block)).height, 8);
  EXPECT_EQ(decode(with_segment(photo, '\xe1', exif(6))).height, 8) << "APP1, but not of EXIF";
}

/// Four inks as they are stored, the more the lighter; turbojpeg writes them as Adobe does.
std::string cmyk_jpeg(const std::array<std::uint8_t, 4>& inks) {
  std::vector<std::uint8_t> pixels;
  for (int i = 0; i < 64; ++i) pixels.insert(pixels.end(), inks.begin(), inks.end());
  const tjhandle handle = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(handle, pixels.data(), 8, 0, 8, TJPF_CMYK, &data, &size, TJSAMP_444, 100, 0), 0);
  std::string file(reinterpret_cast<const char*>(data), size);
  tjFree(data);
  tjDestroy(handle);
  return file;
}

TEST(ImageCodec, PrintersInksBecomeLight) {
  // Pillow 13.0.0: Image.new("CMYK", (8, 8), (10, 200, 60, 40)), saved as JPEG and opened again, has the
  // pixel (207, 46, 164) after convert("RGB"), and 108 after convert("L").
  const std::string file = cmyk_jpeg({245, 55, 195, 215});

  const Image colour = decode(file);
  const Image grey = decode(file, {.colour = Colour::grey});

  EXPECT_NEAR(colour.pixels[0], 207, 2);
  EXPECT_NEAR(colour.pixels[1], 46, 2);
  EXPECT_NEAR(colour.pixels[2], 164, 2);
  EXPECT_NEAR(grey.pixels[0], 108, 2);
  EXPECT_TRUE(colour.notes.cmyk);
}

TEST(ImageCodec, AdobesMarkerSaysThatJpegHoldsRgb) {
  // One colour whose Y, Cb, Cr are 124, 86, 182 (JFIF 1.02). Without its JFIF segment, and with Adobe's that
  // speaks of no transformation, these are red, green and blue.
  std::string file = jpeg(plain_image(8, 8, {200, 100, 50}));
  ASSERT_EQ(file.substr(6, 4), "JFIF");
  file.erase(2, 2 + 16);
  const std::string adobe("Adobe\0\144\0\0\0\0\0", 12);

  const Image colour = decode(with_segment(file, '\xee', adobe));
  const Image grey = decode(with_segment(file, '\xee', adobe), {.colour = Colour::grey});

  EXPECT_NEAR(colour.pixels[0], 124, 2);
  EXPECT_NEAR(colour.pixels[1], 86, 2);
  EXPECT_NEAR(colour.pixels[2], 182, 2);
  EXPECT_NEAR(grey.pixels[0], 108, 2) << "Rec. 601 of these";
}

TEST(ImageCodec, ColourIsTheSameGreyInJpegAndPng) {
  for (const std::vector<std::uint8_t>& colour :
       {std::vector<std::uint8_t>{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {100, 150, 200}}) {
    const Image flat = plain_image(8, 8, colour);
    const DecodeOptions grey{.colour = Colour::grey};

    EXPECT_NEAR(decode(jpeg(flat), grey).pixels[0], decode(png(flat, PNG_FORMAT_RGB), grey).pixels[0], 1);
  }
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
  EXPECT_THAT(error("GIF89a not for us"),
              AllOf(HasSubstr("is GIF (17 bytes)"), HasSubstr("whatever its name")));
  EXPECT_THAT(error(std::string("RIFF\1\0\0\0WEBPVP8 ", 16)), HasSubstr("is WebP"));
  EXPECT_THAT(error("<!DOCTYPE html>"), HasSubstr("is a web page"));
  EXPECT_THAT(error("no image"), HasSubstr("is neither JPEG nor PNG (8 bytes). Convert"));
  EXPECT_THAT(error(""), HasSubstr("(0 bytes)"));
}

TEST(ImageCodec, RefusesAbsurdSizesBeforeAllocating) {
  std::string bomb = jpeg(plain_image(8, 8, {1, 2, 3}));
  const std::size_t frame = bomb.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bomb.replace(frame + 5, 4, "\xf0\x00\xf0\x00", 4);  // height and width of the frame header

  EXPECT_THAT(error_of([&] { decode(bomb); }), HasSubstr("claims 61440 x 61440 pixels"));
}

TEST(ImageCodec, SaysWhenJpegIsOfAKindThatIsNotRead) {
  std::string deep = jpeg(plain_image(8, 8, {1, 2, 3}));
  const std::size_t frame = deep.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  deep[frame + 4] = 12;  // bits a value

  EXPECT_THAT(error_of([&] { decode(deep); }),
              AllOf(HasSubstr("kind of JPEG that is not read"), HasSubstr("12")));
}

TEST(ImageCodec, KnowsImageNames) {
  EXPECT_TRUE(has_image_name("cat/1.JPG"));
  EXPECT_TRUE(has_image_name("1.jpeg"));
  EXPECT_TRUE(has_image_name("a.b.png"));
  EXPECT_FALSE(has_image_name("jpg"));
  EXPECT_FALSE(has_image_name("labels.txt"));
  EXPECT_TRUE(has_image_name("saved.jfif"));
  EXPECT_FALSE(has_image_name("folder.png/x"));
  EXPECT_EQ(unread_picture_format("cat/1.WEBP"), "WebP");
  EXPECT_EQ(unread_picture_format("cat/1.png"), "");
  EXPECT_EQ(unread_picture_format("labels.txt"), "");
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

TEST(Resize, FloatsKeepTheirFractions) {
  const FloatImage four{1, 4, 1, {0, 40, 80, 120}};

  const FloatImage halved = resize(four, 1, 2);

  EXPECT_THAT(halved.pixels,
              ElementsAre(testing::FloatNear(200 / 7.0f, 1e-4f), testing::FloatNear(640 / 7.0f, 1e-4f)));
}

}  // namespace
}  // namespace annulus::io
