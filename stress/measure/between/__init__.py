"""What lies between two runs: matching their records, differences, comparisons."""
