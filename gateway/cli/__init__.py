"""The commands of `callout`, a module a subject."""
