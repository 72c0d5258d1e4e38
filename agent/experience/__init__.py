"""Experience in use: what each block came to on earlier tasks like this one, kept in the memory as runs go by."""
