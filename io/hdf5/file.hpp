// HDF5 files without HDF5 in the header: open or create a file, write and read typed datasets through spans,
// attach attributes. Datasets (io/dataset/dataset.hpp) and checkpoints stand on it.
//
// Thread rule: one thread at a time uses a file and everything opened from it. The library has one global
// lock (a build without it is refused), so a second thread gains nothing; give HDF5 to one I/O thread.
//
// In: names inside a file, rows to read or to write.
// Out: values in spans, descriptions of datasets, attributes; DataError with file, object and reason.
// Invariant: where a reader is set, the library opens no file of others inside a rank: open() has a process
// of its own read it.
// Next: types.hpp, process.hpp (that process, seen by the rank), message.hpp (what they say to each other),
// server.hpp (the process itself).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "base/shape.hpp"
#include "io/files/existing.hpp"
#include "io/hdf5/types.hpp"

namespace annulus {
class WorkerPool;
}

namespace annulus::io {

class Hdf5Process;
struct ChunkForm;

/// Rows [first, first + count) of a dataset, and where they go.
struct RowPiece {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::byte* values = nullptr;  ///< count * row_size() of the type asked for
};

/// One open dataset. Rows run over the first extent.
class Hdf5Dataset {
 public:
  const DatasetInfo& info() const { return info_; }
  /// File and name, for messages.
  std::string place() const { return file_ + ", " + name_; }
  /// Values in one row. @throws DataError when no memory holds as many
  std::uint64_t row_size() const;

  /// Reads rows [first, first + count) into `values` (count * row_size()).
  /// @throws DataError when T cannot hold the stored type (integers and reals do not mix, no narrowing), when
  /// the rows do not exist, or when the file is damaged
  template <class T>
  void read_rows(std::uint64_t first, std::uint64_t count, std::span<T> values) const {
    read_rows(first, count, element_type_of<T>(), values.data(), values.size());
  }
  /// Reads several pieces at once, as read_rows() would one after another. Where whole chunks are asked for
  /// and usually packed, they are unpacked side by side.
  /// @param helpers  for a file that is read by this process; another one has its own (unpack_threads())
  /// @return bytes that were read from the file, as it stores them (near to it where the library reads)
  /// @throws DataError as read_rows()
  std::uint64_t read_pieces(ElementType type, std::span<const RowPiece> pieces,
                            WorkerPool* helpers = nullptr) const;
  /// Walks the index of chunks and reads a first and a last row, whatever their type: what a damaged file
  /// breaks, it breaks here. @throws DataError
  void touch() const;
  /// Writes rows [first, first + count), making an extendable dataset longer where needed.
  template <class T>
  void write_rows(std::uint64_t first, std::uint64_t count, std::span<const T> values) {
    write_rows(first, count, element_type_of<T>(), values.data(), values.size());
  }

 private:
  friend class Hdf5File;
  friend class Hdf5Server;
  Hdf5Dataset(Hdf5Handle handle, std::string file, std::string name);
  Hdf5Dataset(std::shared_ptr<Hdf5Process> process, std::string file, std::string name);
  void read_rows(std::uint64_t first, std::uint64_t count, ElementType type, void* values,
                 std::size_t size) const;
  void write_rows(std::uint64_t first, std::uint64_t count, ElementType type, const void* values,
                  std::size_t size);
  void check_rows(std::uint64_t first, std::uint64_t count) const;
  void read_by_library(ElementType type, const RowPiece& piece) const;

  Hdf5Handle handle_;                     ///< of the library in this process, or
  std::shared_ptr<Hdf5Process> process_;  ///< what reads the file
  std::string file_;
  std::string name_;
  DatasetInfo info_;
  std::shared_ptr<const ChunkForm> chunk_form_ = {};  ///< nothing: the library reads all of it
};

/// Bytes that reading rows takes from the file: those of the chunks that they touch, as stored, on average.
std::uint64_t stored_bytes_of(const DatasetInfo& info, std::uint64_t first, std::uint64_t count);

/// How a new dataset is laid out.
struct Hdf5Layout {
  std::int64_t chunk_rows = 0;                                     ///< rows stored together; 0 = contiguous
  int deflate = 0;                                                 ///< gzip level 0..9; needs chunks
  enum class Growth { fixed, extendable } growth = Growth::fixed;  ///< extendable needs chunks
};

class Hdf5File {
 public:
  /// Opens read-only and without file locks. Where set_hdf5_reader() (io/hdf5/process.hpp) has named one,
  /// another process calls the library, and whatever a damaged file does to it is a DataError here, now or
  /// later.
  /// @throws DataError: missing, unreadable, not HDF5, truncated, dangerous
  static Hdf5File open(const std::string& path);
  /// Says plainly why a file cannot be opened, where that shows without the library. @throws DataError
  static void require_readable(const std::string& path);
  /// The same by a process that reads many files (SharedReader). @param process  nothing: by this one
  static Hdf5File open_by(const std::string& path, std::shared_ptr<Hdf5Process> process);
  /// The same in this process, for a file that it has just written.
  static Hdf5File open_own(const std::string& path);
  /// The same for a file that is open already. @param path  for messages
  static Hdf5File open_descriptor(int descriptor, const std::string& path);
  /// Opens for reading and writing in this process, to add to what is there or to write over it, once the
  /// reader has looked at all of it. A crash in between leaves it damaged: do it to a copy
  /// (io/files/atomic_file.hpp).
  /// @throws DataError as `open`
  static Hdf5File open_to_change(const std::string& path);
  /// Creates a file. @throws RuntimeError when it exists and is not to be replaced, or cannot be written
  static Hdf5File create(const std::string& path, Existing existing = Existing::refuse);

  const std::string& path() const { return path_; }

  /// Object names are HDF5 paths ("a/b", with or without a leading slash); missing parents are created.
  void create_group(const std::string& name);
  bool exists(const std::string& name) const;
  /// Whether the name, or a part of it, is a link out of the file. Such links are not followed: nothing
  /// exists there.
  bool leads_elsewhere(const std::string& name) const;
  bool is_dataset(const std::string& name) const;
  /// Names of the members of a group, sorted.
  std::vector<std::string> members(const std::string& group = "/") const;

  /// Paths of the datasets below a group, at most `depth` groups deep: links in a file can make circles. None
  /// where there is no such group.
  std::vector<std::string> datasets(const std::string& group, int depth) const;

  /// Opens a dataset. @throws DataError listing what is there and the nearest name
  Hdf5Dataset dataset(const std::string& name) const;
  Hdf5Dataset create_dataset(const std::string& name, ElementType type, const Extents& extents,
                             const Hdf5Layout& layout = {});

  /// Creates a dataset and writes all of it. @pre values.size() == element_count(extents)
  template <class T>
  void write(const std::string& name, const Extents& extents, std::span<const T> values,
             const Hdf5Layout& layout = {}) {
    Hdf5Dataset target = create_dataset(name, element_type_of<T>(), extents, layout);
    target.write_rows(0, target.info().rows(), values);
  }
  /// Reads a whole dataset into `values`; its size must be that of the dataset.
  template <class T>
  void read(const std::string& name, std::span<T> values) const {
    const Hdf5Dataset source = dataset(name);
    source.read_rows(0, source.info().rows(), values);
  }
  /// Reads a whole dataset, after its claimed size has been checked against what the file holds.
  template <class T>
  std::vector<T> read(const std::string& name) const {
    const Hdf5Dataset source = dataset(name);
    std::vector<T> values(checked_size(source, name));
    source.read_rows(0, source.info().rows(), std::span<T>(values));
    return values;
  }
  /// Text in a dataset, one string an element: where a list is too long for an attribute (64 KB, or 4095
  /// strings).
  void write_texts(const std::string& name, const std::vector<std::string>& values);
  /// All strings of a dataset, of fixed or of variable length; none when it holds anything else.
  std::vector<std::string> texts(const std::string& name) const;
  Extents extents(const std::string& name) const { return dataset(name).info().extents; }

  // Attributes of a group or dataset; "/" is the root. Writing replaces an older value.
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> attributes(const std::string& object) const;
  void set_attribute(const std::string& object, const std::string& name, const std::string& value);
  void set_attribute(const std::string& object, const std::string& name, const char* value);
  void set_attribute(const std::string& object, const std::string& name,
                     const std::vector<std::string>& values);
  void set_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void set_attribute(const std::string& object, const std::string& name, std::uint64_t value);
  void set_attribute(const std::string& object, const std::string& name, double value);
  // Reading: strings of fixed and of variable length; numbers must be scalar.
  // @throws DataError when missing or of another type
  std::string string_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> strings_attribute(const std::string& object, const std::string& name) const;
  std::int64_t int64_attribute(const std::string& object, const std::string& name) const;
  std::uint64_t uint64_attribute(const std::string& object, const std::string& name) const;
  double double_attribute(const std::string& object, const std::string& name) const;

  /// Hands everything to the operating system. @throws RuntimeError when this or earlier writing failed, for
  /// example because the disk is full
  void flush();
  /// Flushes and closes; only this way a failure is heard, the destructor gives up in silence. Datasets
  /// opened from the file must be gone by then: the library keeps a file open as long as they are.
  void close();

 private:
  friend class Hdf5Server;
  Hdf5File(Hdf5Handle handle, std::string path, std::shared_ptr<Hdf5Process> process = nullptr);
  std::size_t checked_size(const Hdf5Dataset& source, const std::string& name) const;
  Hdf5Handle open_attribute(const std::string& object, const std::string& name) const;
  void write_strings(const std::string& object, const std::string& name, std::span<const std::string> values,
                     const Extents& extents);
  void write_number(const std::string& object, const std::string& name, ElementType type, const void* value);
  void read_number(const std::string& object, const std::string& name, ElementType type, void* value) const;

  Hdf5Handle handle_;
  std::string path_;
  std::shared_ptr<Hdf5Process> process_;  ///< reads the file; nothing: `handle_` is open
};

/// Whether values that take more than a thousand times their bytes in the file are believed in.
enum class Sparse {
  allow,  ///< when the file holds every chunk of them: who reads them asks for a few rows at a time
  refuse
};

/// The bytes of a dataset when read, after checking that the extents make sense and that the file can hold
/// them: hostile or truncated files claim sizes they do not have. @throws DataError naming file and dataset
std::uint64_t checked_bytes(const DatasetInfo& info, const std::string& file, const std::string& name,
                            Sparse sparse = Sparse::allow);

}  // namespace annulus::io
