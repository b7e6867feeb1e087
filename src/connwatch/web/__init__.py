"""The HTTP face. Reads what sinks keep; decides nothing."""
