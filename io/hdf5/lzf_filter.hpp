// LZF, the filter that h5py brings along and no plugin folder has, for reading: registered with the library
// in every process that uses it.
#pragma once

namespace annulus::io {

/// Tells the HDF5 library how to unpack LZF.
void register_lzf_filter();

}  // namespace annulus::io
