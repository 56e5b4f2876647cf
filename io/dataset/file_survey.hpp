// What many files hold, before anything but their labels is read: opened one after another, the ranks of a
// host and their threads each some of them. Internal to io/dataset.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/dataset/dataset.hpp"
#include "io/files/unchanged_file.hpp"
#include "io/hdf5/file.hpp"
#include "io/hdf5/process.hpp"

namespace annulus::io {

/// Of one file; plain bytes, which ranks share.
struct FileFacts {
  FileVersion version;
  std::uint64_t rows = 0;   ///< of the split; 0: the file has none of it
  std::uint64_t chunk = 1;  ///< rows that are stored together
  std::uint64_t stored_bytes = 0;
  std::int64_t smallest_label = 0;
  std::uint64_t found = 0;  ///< bit k: it has DatasetOptions::look_for[k]
};

/// Pixels and vectors of all rows of a small file, read while it was open anyway.
struct KeptRows {
  std::vector<std::byte> pixels;
  std::vector<float> vectors;
};

struct FileSurvey {
  std::vector<FileFacts> files;          ///< in the order of DatasetOptions::files
  std::size_t first = 0;                 ///< the first file that has the split
  SourceInfo info;                       ///< as that file tells it
  DatasetInfo images;                    ///< of that file
  std::vector<std::int32_t> labels;      ///< of all files
  std::vector<float> weights;            ///< of all files, or none
  std::map<std::size_t, KeptRows> kept;  ///< by file, of those that this rank has looked at
  std::vector<std::string> notes;        ///< sentences for the log
};

/// What the options say of every single file: all but the lists of files, the limit and the path.
DatasetOptions options_of_each(DatasetOptions options);

/// Opens every file once. Rows of small files are kept where all of the split is likely to become resident.
/// Collective over the ranks of a host.
/// @throws DataError when no file has the split, or two of them do not go together, naming both
FileSurvey survey_files(const DatasetOptions& options, const NodeMemoryFactory& memory);

}  // namespace annulus::io
