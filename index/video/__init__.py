"""One video into the library: the passes over it, and what becomes of what they find."""
