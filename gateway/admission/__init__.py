"""Who is let in at the machine's door, with which credentials, and who is let out."""
