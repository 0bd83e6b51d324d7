"""Which items a process judges: shards of a property, parts of a run; progress, and the database of examples."""
