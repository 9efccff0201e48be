"""How inputs go wrong together: suites of composed perturbations, expanded into severity grids."""
