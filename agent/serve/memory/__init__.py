"""What the server offers of the memory: feedback on completions, concepts, and erasing a tenant."""
