"""A module that nothing may import: a test looks whether something did."""

here = None
