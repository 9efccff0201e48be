"""Statistics on plain arrays: intervals, bootstrap weights, ranks, calibration, corrections. Knows no run."""
