"""Floor 6: configuration and shipped data, read from disk and checked. The pure floors below never import it."""
