// Rows of a fixed size in another order, with memory that is bounded however many there are. Internal to
// io/dataset.
//
// In: rows that are read best from the first to the last, and which of them are wanted in which order.
// Out: the rows in that order, some at a time.
// Invariant: the order follows from seed, number and rows alone, not from the memory. What does not fit into
// it is dealt out once to the runs of a temporary file, each as long as fits, so that every row is read twice
// and written twice whatever their number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "io/dataset/row_set.hpp"
#include "io/files/descriptor.hpp"

namespace annulus::io {

/// Where rows come from.
struct RowInput {
  std::uint64_t rows = 0;
  std::size_t row_bytes = 0;
  std::uint64_t step = 1;  ///< rows that are read at a time
  std::function<void(std::uint64_t first, std::uint64_t count, std::span<std::byte> rows)> read;
};

struct RowOrderOptions {
  std::shared_ptr<const RowSet> chosen = {};  ///< which rows; null: all
  bool shuffle = true;                        ///< else in the order in which they come
  std::uint64_t seed = 0;
  std::uint64_t number = 0;  ///< of the split: each has an order of its own
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;
  std::string beside;  ///< the temporary file lies in the folder of this path
  std::function<void(std::uint64_t rows_read)> progress = {};  ///< while rows are dealt out
};

class OrderedRows {
 public:
  OrderedRows(RowInput input, RowOrderOptions options);

  std::uint64_t size() const { return size_; }
  /// Bytes of the temporary file that this order takes.
  std::uint64_t temporary_bytes() const;
  /// The next rows. @param rows  count * row_bytes   @param numbers  gets those that the input has for them
  /// @pre no more than are left   @throws DataError, RuntimeError
  void next(std::span<std::byte> rows, std::span<std::uint64_t> numbers);

 private:
  std::uint64_t row_of(std::uint64_t sample) const;
  std::uint64_t runs() const { return (size_ + run_rows_ - 1) / run_rows_; }
  std::uint64_t rows_of_run(std::uint64_t run) const;
  void visit(const std::function<void(std::uint64_t sample, std::span<const std::byte> row)>& use,
             std::uint64_t first, std::uint64_t count) const;
  void next_in_order(std::span<std::byte> rows, std::span<std::uint64_t> numbers);
  void deal_out();
  void load(std::uint64_t run);

  RowInput input_;
  RowOrderOptions options_;
  std::uint64_t size_;
  Permutation order_;
  std::uint64_t run_rows_;
  std::uint64_t at_ = 0;  ///< position of the next row
  Descriptor file_ = {};  ///< runs one after another, where there are several
  std::optional<std::uint64_t> loaded_ = {};
  std::vector<std::byte> run_ = {};          ///< its rows in the order of the input
  std::vector<std::uint64_t> samples_ = {};  ///< of the run, by position
  std::vector<std::uint32_t> places_ = {};   ///< in run_, by position
};

}  // namespace annulus::io
