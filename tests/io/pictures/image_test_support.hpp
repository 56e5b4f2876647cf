// Real JPEG, PNG, archive and gzip files for the tests, made by the libraries themselves.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "io/pictures/image_codec.hpp"

namespace annulus::io {

using NamedFiles = std::vector<std::pair<std::string, std::string>>;

/// An image whose pixels all have one value per channel: JPEG keeps it to within a step or two.
inline Image plain_image(std::int64_t height, std::int64_t width, std::vector<std::uint8_t> colour) {
  Image image{height, width, static_cast<std::int64_t>(colour.size()), {}};
  for (std::int64_t i = 0; i < height * width; ++i)
    image.pixels.insert(image.pixels.end(), colour.begin(), colour.end());
  return image;
}

inline std::string jpeg(const Image& image) {
  const tjhandle handle = tjInitCompress();
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const bool grey = image.channels == 1;
  const int result = tjCompress2(handle, image.pixels.data(), static_cast<int>(image.width), 0,
                                 static_cast<int>(image.height), grey ? TJPF_GRAY : TJPF_RGB, &data, &size,
                                 grey ? TJSAMP_GRAY : TJSAMP_444, 100, 0);
  EXPECT_EQ(result, 0) << tjGetErrorStr2(handle);
  std::string file(reinterpret_cast<char*>(data), size);
  tjFree(data);
  tjDestroy(handle);
  return file;
}

/// @param format  of the pixels, e.g. PNG_FORMAT_RGB
inline std::string png(const Image& image, png_uint_32 format) {
  png_image control{};
  control.version = PNG_IMAGE_VERSION;
  control.width = static_cast<png_uint_32>(image.width);
  control.height = static_cast<png_uint_32>(image.height);
  control.format = format;
  png_alloc_size_t size = 0;
  EXPECT_NE(png_image_write_to_memory(&control, nullptr, &size, 0, image.pixels.data(), 0, nullptr), 0);
  std::string file(size, '\0');
  EXPECT_NE(png_image_write_to_memory(&control, file.data(), &size, 0, image.pixels.data(), 0, nullptr), 0);
  file.resize(size);
  return file;
}

/// What an archive holds under a name.
struct ArchiveItem {
  enum class Kind { file, folder, symbolic_link, hard_link };
  std::string name;
  Kind kind = Kind::file;
  std::string contents = {};  ///< of a file; of a link what it points to
};

inline void write_item(archive* out, const ArchiveItem& item) {
  const bool file = item.kind == ArchiveItem::Kind::file;
  archive_entry* const entry = archive_entry_new();
  archive_entry_set_pathname(entry, item.name.c_str());
  archive_entry_set_perm(entry, 0755);
  archive_entry_set_filetype(entry, item.kind == ArchiveItem::Kind::folder          ? AE_IFDIR
                                    : item.kind == ArchiveItem::Kind::symbolic_link ? AE_IFLNK
                                                                                    : AE_IFREG);
  if (item.kind == ArchiveItem::Kind::symbolic_link) archive_entry_set_symlink(entry, item.contents.c_str());
  if (item.kind == ArchiveItem::Kind::hard_link) archive_entry_set_hardlink(entry, item.contents.c_str());
  archive_entry_set_size(entry, file ? static_cast<la_int64_t>(item.contents.size()) : 0);
  ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << archive_error_string(out);
  if (file) {
    ASSERT_EQ(archive_write_data(out, item.contents.data(), item.contents.size()),
              static_cast<la_ssize_t>(item.contents.size()));
  }
  archive_entry_free(entry);
}

/// Writes an archive; its format and compression follow the ending (.tar, .tar.gz, .tar.xz, .tar.bz2, .zip).
inline void write_archive(const std::string& path, const std::vector<ArchiveItem>& items) {
  archive* const out = archive_write_new();
  ASSERT_EQ(archive_write_set_format_filter_by_ext(out, path.c_str()), ARCHIVE_OK)
      << archive_error_string(out);
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK) << archive_error_string(out);
  for (const ArchiveItem& item : items) write_item(out, item);
  ASSERT_EQ(archive_write_close(out), ARCHIVE_OK) << archive_error_string(out);
  archive_write_free(out);
}

inline void write_archive(const std::string& path, const NamedFiles& files) {
  std::vector<ArchiveItem> items;
  for (const auto& [name, contents] : files) items.push_back({name, ArchiveItem::Kind::file, contents});
  write_archive(path, items);
}

inline void write_gzip(const std::string& path, const std::string& contents) {
  const gzFile out = gzopen(path.c_str(), "wb");
  ASSERT_EQ(gzwrite(out, contents.data(), static_cast<unsigned>(contents.size())),
            static_cast<int>(contents.size()));
  ASSERT_EQ(gzclose(out), Z_OK);
}

}  // namespace annulus::io
