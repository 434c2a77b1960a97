"""What it looked like: cameras, motion, people and clips."""
