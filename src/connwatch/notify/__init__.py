"""Sending messages: who the targets are, and getting a message to each of them. Knows nothing of attempts or of why a message is sent."""
