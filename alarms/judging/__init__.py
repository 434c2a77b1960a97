"""Pure rules: what a signal means, what it joins, how sure we are, what may follow. No I/O here."""
