"""What indexing will cost, and what it has cost: measured on short stretches of the very files, and learnt from the
films that were indexed on this machine before."""
