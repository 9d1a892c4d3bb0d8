"""Messages to people: written by the journey as rows of the outbox, put into words and sent from here."""
