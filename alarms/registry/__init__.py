"""The registry: devices, their places, people, credentials."""
