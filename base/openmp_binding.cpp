// The dynamic linker runs what stands in .preinit_array before the constructors of any library (System V ABI,
// "Initialization and Termination Functions"). Nothing of the C library may be used there: only memory that
// exists already is touched, the array of the environment itself, which libgomp reads later.
#include "base/openmp_binding.hpp"

#include <cstddef>

namespace annulus {
namespace {

/// Plain arrays: a member function of std::array would be one that sanitizers look into.
constexpr const char* kNames[] = {"OMP_PROC_BIND=", "OMP_PLACES=", "GOMP_CPU_AFFINITY=", "KMP_AFFINITY="};
constexpr std::size_t kCount = sizeof kNames / sizeof *kNames;

/// Null before any code runs.
const char* removed[kCount];

#define ANNULUS_BEFORE_LIBRARIES __attribute__((no_sanitize("address", "thread", "undefined")))

ANNULUS_BEFORE_LIBRARIES bool begins_with(const char* text, const char* beginning) {
  for (; *beginning != '\0'; ++text, ++beginning)
    if (*text != *beginning) return false;
  return true;
}

ANNULUS_BEFORE_LIBRARIES void remove_binding(int, char**, char** environment) {
  char** kept = environment;
  for (char** entry = environment; *entry != nullptr; ++entry) {
    bool goes = false;
    for (std::size_t i = 0; i < kCount; ++i) {
      if (!begins_with(*entry, kNames[i])) continue;
      goes = true;
      removed[i] = *entry;
    }
    if (!goes) *kept++ = *entry;
  }
  *kept = nullptr;
}

using Initialiser = void (*)(int, char**, char**);
[[gnu::section(".preinit_array"), gnu::used]] const Initialiser initialiser = remove_binding;

}  // namespace

std::string removed_openmp_binding() {
  std::string all;
  for (const char* const entry : removed) {
    if (entry == nullptr) continue;
    if (!all.empty()) all += ' ';
    all += entry;
  }
  return all;
}

}  // namespace annulus
