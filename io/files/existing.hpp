// What to do about a file that is already there.
#pragma once

namespace annulus::io {

/// Whether a new file may take the place of an old one. Nothing is replaced unasked.
enum class Existing { refuse, replace };

}  // namespace annulus::io
