"""Between the client and an endpoint: limits, retries, refused parameters, credentials."""
