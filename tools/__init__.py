"""Programs for who works on Tagstream: none is in the wheel, and nothing in it imports one."""
