// What the fuzz targets share. A target is libFuzzer's function: it gets the bytes of a hostile input and
// does with them what the program would. The right answer to nonsense is an annulus::Error; whatever else
// escapes ends the process and is a finding, as is what a sanitizer, a limit of memory or a time limit says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace annulus::fuzz {

/// Keeps count of refusals that tell of a death in the HDF5 library, told when the process ends.
void count(const Error& refusal);

/// Runs what may be refused.
template <class Call>
void expect_answer(Call&& call) {
  try {
    call();
  } catch (const Error& refusal) {
    count(refusal);
  }
}

/// Ends the process: the input broke a promise of the program.
[[noreturn]] void report_finding(const std::string& what);

/// Takes a number off the front of the input, 0 when nothing is left.
std::uint8_t take_byte(std::span<const std::uint8_t>& input);

inline std::string_view text_of(std::span<const std::uint8_t> input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// The folder of this process for files, in memory where there is /dev/shm; removed at the end.
const std::string& folder();

/// Makes the input a file of that name in folder(). From now on HDF5 files are read by a child, as in the
/// program; where it dies, the right answer is an error. @return its path
std::string write_file(const std::string& name, std::span<const std::uint8_t> contents);

}  // namespace annulus::fuzz
