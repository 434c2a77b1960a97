"""What people do about incidents. Same log, same feed, same rules as what devices do."""
