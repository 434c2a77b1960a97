"""Where things are: divisions, grid cells, sites, positions. Knows nothing of alarms."""
