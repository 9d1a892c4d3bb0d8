"""A desk's data set aside and brought back: the database as of one instant, and the secrets that belong to it."""
