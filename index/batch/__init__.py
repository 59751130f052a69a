"""Many files into a library: in processes of their own, shared with others, and left alone for days."""
