// See row_order.hpp.
#include "io/survey/row_order.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "io/files/unnamed_file.hpp"

namespace annulus::io {
namespace {

/// Orders of a training count epochs from 0.
constexpr std::uint64_t kRewriting = std::uint64_t{1} << 63;

/// A row, its place and its number.
constexpr std::size_t kPerRow = sizeof(std::uint64_t) + sizeof(std::uint32_t);

std::uint64_t rows_in_memory(const RowInput& input, std::uint64_t memory_bytes) {
  return std::clamp<std::uint64_t>(memory_bytes / (input.row_bytes + kPerRow), 1,
                                   std::numeric_limits<std::uint32_t>::max());
}

/// Collects rows for each run of a file, and writes them in pieces.
class RunWriter {
 public:
  RunWriter(int file, std::string place, std::size_t row_bytes, std::uint64_t run_rows, std::uint64_t runs,
            std::uint64_t memory_bytes)
      : file_(file),
        place_(std::move(place)),
        row_bytes_(row_bytes),
        piece_rows_(std::clamp<std::uint64_t>(memory_bytes / runs / row_bytes, 1,
                                              std::max<std::uint64_t>(1, kPiece / row_bytes))),
        ends_(runs),
        pieces_(runs) {
    for (std::uint64_t run = 0; run < runs; ++run) ends_[run] = run * run_rows * row_bytes;
  }

  void add(std::uint64_t run, std::span<const std::byte> row) {
    std::vector<std::byte>& piece = pieces_[run];
    if (piece.empty()) piece.reserve(piece_rows_ * row_bytes_);
    piece.insert(piece.end(), row.begin(), row.end());
    if (piece.size() >= piece_rows_ * row_bytes_) write(run);
  }
  void finish() {
    for (std::uint64_t run = 0; run < pieces_.size(); ++run) write(run);
  }

 private:
  static constexpr std::size_t kPiece = 1 << 20;

  void write(std::uint64_t run) {
    write_at(file_, ends_[run], pieces_[run], place_);
    ends_[run] += pieces_[run].size();
    pieces_[run].clear();
  }

  int file_;
  std::string place_;
  std::size_t row_bytes_;
  std::uint64_t piece_rows_;
  std::vector<std::uint64_t> ends_;  ///< where the next piece of each run goes
  std::vector<std::vector<std::byte>> pieces_;
};

}  // namespace

OrderedRows::OrderedRows(RowInput input, RowOrderOptions options)
    : input_(std::move(input)),
      options_(std::move(options)),
      size_(options_.chosen ? options_.chosen->size() : input_.rows),
      order_(options_.seed, kRewriting + options_.number, size_),
      run_rows_(rows_in_memory(input_, options_.memory_bytes)) {
  expect_contract(input_.row_bytes > 0 && input_.step > 0, "rows have bytes, and some are read at a time");
}

std::uint64_t OrderedRows::temporary_bytes() const {
  return options_.shuffle && runs() > 1 ? size_ * input_.row_bytes : 0;
}

std::uint64_t OrderedRows::row_of(std::uint64_t sample) const {
  return options_.chosen ? options_.chosen->row(sample) : sample;
}

std::uint64_t OrderedRows::rows_of_run(std::uint64_t run) const {
  return std::min(run_rows_, size_ - run * run_rows_);
}

/// Reads samples [first, first + count) in the order of the input.
void OrderedRows::visit(const std::function<void(std::uint64_t sample, std::span<const std::byte> row)>& use,
                        std::uint64_t first, std::uint64_t count) const {
  std::vector<std::byte> block;
  const std::uint64_t end = first + count;
  while (first < end) {
    const std::uint64_t begin = row_of(first);
    // Up to where a block ends that begins at a multiple of the step: whole chunks but for the first.
    const std::uint64_t rows = std::min((begin / input_.step + 1) * input_.step, row_of(end - 1) + 1) - begin;
    block.resize(rows * input_.row_bytes);
    input_.read(begin, rows, block);
    for (; first < end && row_of(first) < begin + rows; ++first)
      use(first, std::span(block).subspan((row_of(first) - begin) * input_.row_bytes, input_.row_bytes));
  }
}

void OrderedRows::next(std::span<std::byte> rows, std::span<std::uint64_t> numbers) {
  expect_contract(rows.size() == numbers.size() * input_.row_bytes && numbers.size() <= size_ - at_,
                  "no more rows are asked for than are left");
  if (!options_.shuffle) return next_in_order(rows, numbers);
  for (std::size_t i = 0; i < numbers.size(); ++i, ++at_) {
    const std::uint64_t run = at_ / run_rows_;
    if (loaded_ != run) load(run);
    const std::uint64_t position = at_ - run * run_rows_;
    numbers[i] = row_of(samples_[position]);
    std::memcpy(rows.data() + i * input_.row_bytes, run_.data() + places_[position] * input_.row_bytes,
                input_.row_bytes);
  }
}

void OrderedRows::next_in_order(std::span<std::byte> rows, std::span<std::uint64_t> numbers) {
  const std::uint64_t begin = at_;
  visit(
      [&](std::uint64_t sample, std::span<const std::byte> row) {
        numbers[sample - begin] = row_of(sample);
        std::ranges::copy(row, rows.begin() + static_cast<std::ptrdiff_t>((sample - begin) * row.size()));
      },
      begin, numbers.size());
  at_ += numbers.size();
}

/// Every row goes to the run in which its position lies; there they stand in the order of the input.
void OrderedRows::deal_out() {
  std::vector<std::uint32_t> run_of(size_);
  for (std::uint64_t position = 0; position < size_; ++position)
    run_of[order_(position)] = static_cast<std::uint32_t>(position / run_rows_);
  file_ = make_unnamed_file(options_.beside, "rows");
  RunWriter writer(file_.get(), options_.beside, input_.row_bytes, run_rows_, runs(), options_.memory_bytes);
  visit(
      [&](std::uint64_t sample, std::span<const std::byte> row) {
        writer.add(run_of[sample], row);
        if (options_.progress) options_.progress(sample + 1);
      },
      0, size_);
  writer.finish();
}

void OrderedRows::load(std::uint64_t run) {
  if (runs() > 1 && !file_) deal_out();
  const std::uint64_t rows = rows_of_run(run);
  run_.resize(rows * input_.row_bytes);
  samples_.resize(rows);
  for (std::uint64_t i = 0; i < rows; ++i) samples_[i] = order_(run * run_rows_ + i);
  std::vector<std::uint32_t> by_sample(rows);
  std::iota(by_sample.begin(), by_sample.end(), std::uint32_t{0});
  std::ranges::sort(by_sample, [&](std::uint32_t a, std::uint32_t b) { return samples_[a] < samples_[b]; });
  places_.resize(rows);
  for (std::uint32_t place = 0; place < rows; ++place) places_[by_sample[place]] = place;
  if (runs() > 1) {
    const std::string reason = read_at(file_.get(), run * run_rows_ * input_.row_bytes, run_);
    if (!reason.empty()) throw RuntimeError("{}: rows cannot be read back ({}).", options_.beside, reason);
  } else {
    visit(
        [&](std::uint64_t sample, std::span<const std::byte> row) {
          std::ranges::copy(row, run_.begin() + static_cast<std::ptrdiff_t>(sample * row.size()));
          if (options_.progress) options_.progress(sample + 1);
        },
        0, size_);
  }
  loaded_ = run;
}

}  // namespace annulus::io
