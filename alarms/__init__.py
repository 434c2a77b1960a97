"""What happened, and what is done about it. The folders are the alarm's journey."""
