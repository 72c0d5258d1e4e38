"""Reading a reply: its text, its thinking, why it ended, what it cost."""
