"""Topics' messages as they come."""
