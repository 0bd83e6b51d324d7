"""Judging without a run of pytest: in a notebook, a program, or somebody's own tests."""
