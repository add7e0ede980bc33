"""What other routes would change."""
