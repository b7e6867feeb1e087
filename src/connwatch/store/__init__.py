"""What outlives the process, in one SQLite file. Knows the words of the model; not sources, not sinks, not who asks."""
