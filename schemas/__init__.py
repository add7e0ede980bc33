"""What travels: the events, records, tags and errors that every part agrees on. Imports nothing of ours."""
