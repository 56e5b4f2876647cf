// For programs whose terminal is for something else.
#pragma once

namespace annulus {

enum class TerminalLog { on, off };

/// Whether messages reach the terminal from now on; files get them all the same.
void set_terminal_log(TerminalLog wanted);

}  // namespace annulus
