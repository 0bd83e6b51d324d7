"""The suite inside pytest: options, items, and from a failure to what is told of it."""
