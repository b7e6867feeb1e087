"""Floor 8: the HTTP face. Reads what sinks keep; decides nothing."""
