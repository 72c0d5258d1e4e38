"""The algorithms that train a policy, one a file; `learners` says which class trains by which name."""
