"""The ledger: what was ever written, in a SQL database."""
