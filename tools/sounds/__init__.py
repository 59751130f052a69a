"""sounds, one engine a file."""
