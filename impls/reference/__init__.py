"""The reference: what is right, forward and backward, with a proven bound for every element."""
