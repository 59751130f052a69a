"""The drawings of the demo film; make_demo.py puts them together."""
