"""What the pages and the messages read: one query per view, within a transaction of the tenant. Nothing is written."""
