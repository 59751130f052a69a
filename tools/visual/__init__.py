"""visual, one engine a file."""
