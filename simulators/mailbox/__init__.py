"""A mailbox for a demonstration: it takes all mail over SMTP, keeps it, and shows it on a small page."""
