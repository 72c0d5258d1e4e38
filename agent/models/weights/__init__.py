"""Model weights that come by name: where they lie, and how they get there."""
