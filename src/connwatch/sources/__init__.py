"""Where lines come from. Knows nothing of formats, attempts or sinks; hands on bytes and says how well it hears."""
