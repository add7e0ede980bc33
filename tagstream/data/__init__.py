"""What the commands on photographs share: reading in, progress, tables, contact sheets, review batches."""
