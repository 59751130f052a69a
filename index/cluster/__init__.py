"""Indexing on many machines: films go out as tasks, what they come to arrives in one library."""
