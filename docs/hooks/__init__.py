"""What makes the pages of the reference from the registry and the docstrings, while the documents are built."""
