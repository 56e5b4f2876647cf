// Writes a data set as one file or as several parts, by one process or by several, and goes on after a kill.
//
// In: how many rows every split has, and the rows of one part after another.
// Out: OUTPUT, or OUTPUT-00000-of-00008.h5 and so on, each a dataset file (docs/data-format.md).
// Invariant: no part has its name before all are complete. Until then they lie in the folder OUTPUT.parts,
// which outlives a kill; with the same key the parts in it that are whole are not written again.
// Next: parts.hpp (names and runs of rows), writer.hpp (one file).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/dataset/parts.hpp"
#include "io/dataset/writer.hpp"
#include "io/files/descriptor.hpp"

namespace annulus::io {

struct SplitSize {
  std::string name;  ///< "train", "validation", "test"
  std::uint64_t rows = 0;
};

struct ShardedOutput {
  std::string path;  ///< OUTPUT
  Existing existing = Existing::refuse;
  Sharding sharding = {};
  /// Hash of all that the rows and attributes follow from; 0: not known, and a killed writing begins anew.
  std::uint64_t key = 0;
  /// Of several processes that write parts of one data set, one leads: it looks at what is there already, and
  /// commits.
  bool leads = true;
};

/// Checks before a long read starts what can be known by then. @throws UsageError as the constructor
void check_sharded_output(const ShardedOutput& output);

class ShardedWriter {
 public:
  /// @param spec  of each file; its `part` is filled in
  /// @throws UsageError when an output exists and is not to be replaced, parts of another count lie beside
  /// it, a part would lack rows of a split, or another process is writing the same
  ShardedWriter(ShardedOutput output, DatasetSpec spec, std::vector<SplitSize> splits);
  ~ShardedWriter();
  ShardedWriter(const ShardedWriter&) = delete;
  ShardedWriter& operator=(const ShardedWriter&) = delete;

  std::uint64_t parts() const { return parts_; }
  /// In the order of the splits given. @param part  below parts()
  std::vector<PartRows> rows(std::uint64_t part) const;
  /// Whether an earlier process has written a part, which is read whole to compare its checksum.
  bool is_whole(std::uint64_t part) const;

  /// Writes a part; nothing where it is whole already. Different processes may write different ones at the
  /// same time.
  /// @param fill  appends rows(part) of every split, in order
  void write(std::uint64_t part, const std::function<void(DatasetWriter&)>& fill);

  /// Gives all parts their names, when they are written: called once, by the process that leads.
  /// @param before_end  removes what a killed import would need again: if that is what is killed, the next
  /// attempt finds that all is done
  /// @return the paths of the files
  std::vector<std::string> commit(const std::function<void()>& before_end = {});

  /// Bytes of the rows of all parts, as they are stored without compression.
  std::uint64_t bytes() const;
  /// The same of the parts that are not there yet, by their names.
  std::uint64_t missing_bytes() const;

 private:
  Part part(std::uint64_t number) const { return {number, parts_}; }
  std::string final_path(std::uint64_t number) const;
  std::string work_path(std::uint64_t number) const;
  void write_single(DatasetSpec spec, const std::function<void(DatasetWriter&)>& fill);
  void check_parts() const;
  void lead();
  void remove_others() const;
  void leave();

  ShardedOutput output_;
  DatasetSpec spec_;
  std::vector<SplitSize> splits_;
  std::uint64_t parts_ = 1;
  std::string folder_;    ///< OUTPUT.parts; "" for one file
  std::string mark_;      ///< file that says that all is written and names are being given
  bool naming_ = false;   ///< a killed process has left it
  Descriptor lock_ = {};  ///< of the process that leads
};

}  // namespace annulus::io
