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

/// Runs what may be refused.
template <class Call>
void expect_answer(Call&& call) {
  try {
    call();
  } catch (const Error&) {
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

/// What the program does before it opens an HDF5 file: tries it in a child. @return whether the child has
/// survived; when it has not, the program refuses the file. Deaths are counted and told at the end.
bool survives_examination(const std::string& path);

/// Makes the input a file of that name in folder(). @return its path
std::string write_file(const std::string& name, std::span<const std::uint8_t> contents);

}  // namespace annulus::fuzz
