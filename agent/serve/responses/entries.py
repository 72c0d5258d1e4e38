"""What the kept responses are to `pilotage cache`, without what it takes to serve them."""

from pilotage.common.retention import Entries

FILE = "responses.sqlite"
STORE_FORMAT = 2
# A conversation is used as a whole, at a moment of its own: of what one moment has, no part is of use without the rest,
# and what another conversation begins with in common was used with the later of the two. So it is one entry.
ENTRIES = Entries(
    "responses",
    "SELECT used AS id, used AS at, sum(length(CAST(body AS BLOB)) + length(items.id)) AS bytes, '' AS kind "
    "FROM responses JOIN items ON response = responses.id GROUP BY used",
    ("DELETE FROM responses WHERE used = :id",),
    STORE_FORMAT,
)
