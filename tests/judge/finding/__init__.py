"""What is said of a counterexample: what matters, calls, pictures, the script that shows it without the suite."""
