"""What users do, over real servers."""
