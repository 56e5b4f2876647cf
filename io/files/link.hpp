// Names that lead to another file of the same folder, such as `latest` among the checkpoints: symbolic links,
// or, where the file system has none (exFAT, SMB), text files NAME.txt that hold the other name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace annulus::io {

/// Makes `link` lead to `target`, the name of a file in its folder, in one step. That links are missing is
/// told once by a process. @throws RuntimeError
void replace_link(const std::filesystem::path& link, const std::string& target);

/// The name that `link` leads to, whether that file is there or not; nothing when there is no such link.
std::optional<std::string> link_target(const std::filesystem::path& link);

/// The file to open for `link`: the link itself, or the file that its text names. Nothing when that is
/// missing.
std::optional<std::filesystem::path> follow_link(const std::filesystem::path& link);

/// Removes it, in either form. @return why that failed, empty when it did not
std::error_code remove_link(const std::filesystem::path& link);

/// Finds out at once what else would be heard hours later: whether files of a folder can be linked, synced
/// and renamed. What is missing and can be done without is warned of. @throws RuntimeError for the rest
void try_out_folder(const std::filesystem::path& folder);

}  // namespace annulus::io
