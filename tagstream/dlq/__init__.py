"""Letters that were put aside: read, shown, sent back."""
