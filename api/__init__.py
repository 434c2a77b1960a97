"""The running system: settings, wiring, HTTP, command line."""
