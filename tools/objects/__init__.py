"""objects, one engine a file."""
