"""What the server's OpenAPI document says of bodies and replies."""
