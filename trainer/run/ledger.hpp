// The ledger of a run: hashes of its state from time to time, in ledger.jsonl of the run directory. Two runs
// that should be equal are, as far as their ledgers are; where they are not, the ledgers name step and
// tensor.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "trainer/loop/state_hash.hpp"
#include "trainer/run/step_lines.hpp"

namespace annulus::trainer {

/// One line: the state after a step, and where the sampler stands.
struct LedgerLine {
  std::uint64_t step = 0;           ///< finished steps since the start of the run
  std::uint64_t epoch = 0;          ///< of the next step
  std::uint64_t step_in_epoch = 0;  ///< of the next step
  StateHashes hashes;               ///< those of tensors to 32 bits
};

/// Lines are flushed as they come. Each is a JSON object with `step`, `epoch`, `step_in_epoch`, `state` (16
/// hexadecimal digits, the state hash as in checkpoints) and `tensors` (path -> 8 digits).
class LedgerWriter {
 public:
  /// Opens the file without whatever it says about steps after `start_step`. @throws RuntimeError
  LedgerWriter(std::string path, std::uint64_t start_step, LaterLines later = LaterLines::dropped);
  /// @throws RuntimeError
  void append(const LedgerLine& line);

 private:
  std::string path_;
  std::ofstream file_;
};

/// All lines that can be read, in their order; the last one of a killed process may not be.
/// @throws DataError when there is no such file, or no line of it can be read
std::vector<LedgerLine> read_ledger(const std::string& path);

}  // namespace annulus::trainer
