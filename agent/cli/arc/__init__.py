"""`pilotage arc`: ARC puzzles by name or path; what is odd about them; pictures; submissions and their score."""
