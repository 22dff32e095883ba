"""Month and week calendar layouts for the terminal."""
