"""Bytes to records, secrets already digested. Standard library only; knows nothing of stages, attempts, time or I/O."""
