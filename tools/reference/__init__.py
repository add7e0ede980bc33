"""What the documentation takes out of the code, so that it cannot say what the code does not do."""
