"""Local photographs, tagged without a broker."""
