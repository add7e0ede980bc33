"""What a model learns from: labelled photographs, how they are gathered, checked, divided and kept."""
