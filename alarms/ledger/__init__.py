"""The only writer of alarms, incidents and changes. The incident's row is the lock of all that belongs to it."""
