"""Tests in one process, without planted bugs."""
