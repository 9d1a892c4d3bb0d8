"""What a decision hears, stands on and is proven by."""
