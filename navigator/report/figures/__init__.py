"""The figures of a report, one a file. Importing this loads matplotlib."""
