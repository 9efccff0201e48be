"""The only place that calls the model: plan, execute, leave records."""
