"""Parts put aside, missing and counted."""
