"""What is read out of text alone: sameness, quoting, leaks and prompt injection."""
