"""A run asked for its tables by name, its summary and its warnings."""
