"""What the kept responses are to `pilotage cache`, without what it takes to serve them."""

from pilotage.common.retention import Entries

FILE = "responses.sqlite"
STORE_FORMAT = 2
# What is continued is used with what continues it, so no newer one misses the oldest.
ENTRIES = Entries(
    "responses",
    "SELECT responses.id AS id, used AS at, sum(length(CAST(body AS BLOB)) + length(items.id)) AS bytes, '' AS kind "
    "FROM responses JOIN items ON response = responses.id GROUP BY responses.id",
    ("DELETE FROM responses WHERE id = :id",),
    STORE_FORMAT,
)
