"""From solved tasks and failures to concepts, and from a shortlist to the concepts that fit."""
