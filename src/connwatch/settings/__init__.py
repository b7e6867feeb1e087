"""Configuration and shipped data, read from disk and checked. The pure floors below never import it."""
