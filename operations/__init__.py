"""Use cases: what people do with Tagstream, without a terminal and without HTTP."""
