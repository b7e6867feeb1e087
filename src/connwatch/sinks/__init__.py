"""Where changes go. Knows nothing of sources, nor of how a change came about."""
