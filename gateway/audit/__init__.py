"""Every act written down, its chain followed, and acts undone."""
