"""Files that are made to harm a decoder."""
