"""The desk's own certificate authority: it signs what devices and the broker show, and says what it has taken back."""
