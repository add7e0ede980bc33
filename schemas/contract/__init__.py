"""Published contract: JSON Schema, AsyncAPI, examples, and compatibility with what was published."""
