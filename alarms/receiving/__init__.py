"""From a socket to a stored signal: receivers hand over raw messages, ``intake.accept`` stores and judges a batch."""
