"""What all tables start from: the context of a question, metrics as values of every cell, and reading in parts."""
