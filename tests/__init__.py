"""All tests; `make test` runs them."""
