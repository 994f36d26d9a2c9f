"""Times retrograd against its peers, in turn.  Run ``python -m benchmarks``; see README.md."""
