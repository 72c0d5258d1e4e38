"""Small tables of words, each of one meaning, in English, German, Spanish, French and Chinese."""
