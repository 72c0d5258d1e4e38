"""What is known of each request while it is answered: its id, who asked, and what the log says of it."""
