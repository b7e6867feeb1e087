"""connwatch: a flight recorder for remote MCP connectors."""

__version__ = "0.1.0"
