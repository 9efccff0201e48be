"""The tables, one file each: records in, rows with intervals out."""
