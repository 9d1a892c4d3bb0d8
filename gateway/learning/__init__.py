"""Models that are learned from labelled data: trained by a command, stored without code, refused when they were changed."""
