"""Policies that are lists of rules: nothing in them was trained but what `default` says of itself."""
