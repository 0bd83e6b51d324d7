"""From the case that failed first to the minimal one, tried again and archived."""
