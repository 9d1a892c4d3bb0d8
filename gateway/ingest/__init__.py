"""Ingest: messages from a source to committed readings, rejections and symptoms; acknowledged after the commit."""
