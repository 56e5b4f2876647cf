// Words as SLURM writes them: time limits, the tasks of a job array, options in the head of a job script.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace annulus::trainer {

/// Seconds of a time limit: minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes
/// or days-hours:minutes:seconds.
/// @throws UsageError naming the forms
std::uint64_t parse_slurm_time(const std::string& text);

/// Numbers of an array's tasks, ascending: "1-4", "0-12:4", "1,3,7-9", each with "%2" behind it for at most
/// two at a time.
/// @throws UsageError when it is none of these, or has more than 100000 tasks
std::vector<std::uint64_t> parse_job_array(const std::string& text);

/// A value of an #SBATCH option, in quotes where it needs them.
/// @throws UsageError for values that cannot be written there (line breaks, quotes)
std::string sbatch_value(const std::string& value);

/// A word for bash, in quotes where it needs them.
std::string shell_word(const std::string& word);

}  // namespace annulus::trainer
