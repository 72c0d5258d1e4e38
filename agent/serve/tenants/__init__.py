"""What a server holds of its tenants: as much as is in use, and of the rest the last used."""
