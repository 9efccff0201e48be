"""A run on disk and its arrays: one reader, views of it, what became of each record. Knows no engine, no measure."""
