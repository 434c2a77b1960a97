"""The database: connections with a role, migrations."""
