"""Image cases: files that went wrong once, and what is right of each."""
