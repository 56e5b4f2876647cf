// Pictures that a person names, as samples.
#include "io/pictures/picture_source.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "io/pictures/picture_files.hpp"
#include "tests/io/io_test_support.hpp"
#include "tests/io/pictures/image_test_support.hpp"

namespace annulus::io {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Pictures : public testing::Test {
 protected:
  std::string write(const std::string& name, const Image& image) const {
    const std::string path = file(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary)
        << png(image, image.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB);
    return path;
  }
  std::string text(const std::string& name, const std::string& lines) const {
    write_text(file(name), lines);
    return file(name);
  }
  std::string file(const std::string& name) const { return folder_ + '/' + name; }

  std::string folder_ = fresh_path("pictures");
};

TEST_F(Pictures, OfAFolderComeInTheOrderOfTheirNames) {
  const std::string b = write("p/b.png", plain_image(2, 2, {1, 2, 3}));
  const std::string deep = write("p/a/z.PNG", plain_image(2, 2, {1, 2, 3}));
  write("p/.thumbs/a.png", plain_image(2, 2, {1, 2, 3}));
  write("p/.a.png", plain_image(2, 2, {1, 2, 3}));
  text("p/notes.md", "no picture");

  EXPECT_THAT(picture_files({file("p")}), ElementsAre(deep, b));
  EXPECT_THAT(picture_files({b, file("p")}), ElementsAre(b, deep, b));
}

TEST_F(Pictures, OfAListCountFromItsFolder) {
  const std::string b = write("p/b.png", plain_image(2, 2, {1, 2, 3}));
  const std::string list = text("p/list.txt", "# two\nb.png\r\n\n" + b + "\n");

  EXPECT_THAT(picture_files({list}), ElementsAre(file("p/b.png"), b));
  EXPECT_THAT(error_of([&] { picture_files({text("p/bad.txt", "b.png\nc.png\n")}); }),
              AllOf(HasSubstr("bad.txt, line 2"), HasSubstr("c.png")));
  EXPECT_THAT(error_of([&] { picture_files({text("p/none.txt", "\n")}); }), HasSubstr("names no pictures"));
}

TEST_F(Pictures, ThatAreNoneAreNamed) {
  text("webp/a.webp", "RIFF");

  EXPECT_THAT(error_of([&] { picture_files({file("webp")}); }),
              AllOf(HasSubstr("no JPEG or PNG"), HasSubstr("a.webp, which is WebP")));
  EXPECT_THAT(error_of([&] { picture_files({file("webp/a.webp")}); }), HasSubstr("WebP is not read"));
  EXPECT_THAT(error_of([&] { picture_files({file("x.png")}); }), HasSubstr("no such picture"));
  EXPECT_TRUE(means_pictures(file("x.JPG")));
  EXPECT_FALSE(means_pictures("data.h5"));
  EXPECT_FALSE(means_pictures("data.npy"));
}

std::vector<int> first_pixels(SampleSource& source, std::vector<std::uint64_t> samples) {
  const auto size = static_cast<std::size_t>(source.info().shape.size());
  std::vector<std::byte> pixels(samples.size() * size);
  std::vector<std::int32_t> labels(samples.size(), 7);
  source.read(samples, {.pixels = pixels, .labels = labels});
  EXPECT_THAT(labels, testing::Each(0));
  std::vector<int> first;
  for (std::size_t i = 0; i < samples.size(); ++i) first.push_back(static_cast<int>(pixels[i * size]));
  return first;
}

TEST_F(Pictures, AreReadByNumberInTheColoursOfTheModel) {
  const std::vector<std::string> files{write("0.png", plain_image(3, 2, {10, 20, 30})),
                                       write("1.png", plain_image(3, 2, {90, 90, 90})),
                                       write("2.png", plain_image(3, 2, {50}))};
  for (const int threads : {1, 3}) {
    const auto colour = make_picture_source({"p", files, {3, 2, 3}, {}, threads});
    EXPECT_THAT(first_pixels(*colour, {2, 0, 1, 0}), ElementsAre(50, 10, 90, 10));
  }
  const auto grey = make_picture_source({"p", files, {3, 2, 1}, {}, 1});
  // Rec. 601 of the first, by Pillow: round(0.299 * 10 + 0.587 * 20 + 0.114 * 30)
  EXPECT_THAT(first_pixels(*grey, {0, 1, 2}), ElementsAre(18, 90, 50));
}

TEST_F(Pictures, OfAnotherSizeAreRefusedOrFitted) {
  const std::vector<std::string> files{write("0.png", plain_image(4, 8, {10, 20, 30}))};

  EXPECT_THAT(
      error_of([&] {
        const auto source = make_picture_source({"p", files, {4, 4, 3}, {}, 1});
        first_pixels(*source, {0});
      }),
      AllOf(HasSubstr("0.png: has 4 x 8 pixels"), HasSubstr("4 x 4 are wanted"), HasSubstr("--fit crop")));
  const auto padded = make_picture_source({"p", files, {4, 4, 3}, Fit::pad, 1});
  EXPECT_THAT(first_pixels(*padded, {0}), ElementsAre(0)) << "the upper margin is black";
  const auto cropped = make_picture_source({"p", files, {4, 4, 3}, Fit::crop, 1});
  EXPECT_THAT(first_pixels(*cropped, {0}), ElementsAre(10));
}

TEST_F(Pictures, ThatAreDamagedAreNamed) {
  const std::string path = text("bad.png", "\x89PNG\r\n\x1a\nno more");
  const auto source = make_picture_source({"p", {path}, {4, 4, 3}, Fit::crop, 1});

  EXPECT_THAT(error_of([&] { first_pixels(*source, {0}); }), HasSubstr("bad.png"));
}

}  // namespace
}  // namespace annulus::io
