"""The running program: sources into one engine, its changes into sinks, the clock, signals and the service manager."""
