"""Second decoder: libvips over the same files, to hold ours against what it does not share code with."""
