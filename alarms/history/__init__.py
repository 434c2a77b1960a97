"""What was and is: lists and single items for the screens, and what an investigator asks."""
