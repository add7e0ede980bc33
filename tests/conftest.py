"""For all tests."""

# Imported here, first: pytest's Hypothesis plugin would import it at the end of a session, and CPython
# 3.11 has failed there ("AST constructor recursion depth mismatch") after a test of deep recursion.
import hypothesis

hypothesis.settings.register_profile("loaded", deadline=None)
hypothesis.settings.load_profile("loaded")
