"""Upstreams: the models that the server asks, who stands in for whom, how fast and at what price."""
