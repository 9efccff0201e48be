"""Sheets on which a person sees (and hears) what every perturbation does, severity by severity."""
