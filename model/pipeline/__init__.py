"""Training pipeline: from photographs to a published version in steps; a finished one is not run again."""
