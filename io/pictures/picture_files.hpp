// The picture files that a person means by a path: one picture, a folder of them, or a list.
#pragma once

#include <string>
#include <vector>

namespace annulus::io {

/// Whether a path means pictures: a folder, a name that ends like a picture's, or `.txt` for a list.
bool means_pictures(const std::string& path);

/// Paths of the pictures, in this order: those of `paths` one after another; of a folder all JPEG and PNG
/// below it by their names, hidden ones left out; of a list the paths that it holds, one a line, from its own
/// folder (empty lines and those that begin with # are passed over). Links are followed.
/// @throws DataError for what is not there, a picture in a format that is not read, a folder or a list
/// without pictures
std::vector<std::string> picture_files(const std::vector<std::string>& paths);

}  // namespace annulus::io
