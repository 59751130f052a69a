"""Keeps a library in step with the files: what moved, came back, was copied, re-encoded or deleted."""
