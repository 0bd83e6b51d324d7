"""Real runs, as users start them, and what they write."""
