"""What properties demand, and what makes a test function a property."""
