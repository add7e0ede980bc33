"""From photographs to a published version in steps, of which a finished one is not run again."""
