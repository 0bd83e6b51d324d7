"""What takes a process down, hangs, or is interrupted: kept, repeated apart, and told."""
