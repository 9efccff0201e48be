"""How fast the harness is beside its peers: ``python -m benchmarks images|audio|text|engine``, one table each."""
