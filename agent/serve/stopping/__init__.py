"""How the server is stopped: what it does with the requests that it has accepted."""
