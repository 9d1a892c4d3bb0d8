"""What a device is and what it says: signals, readings, fault codes and product types; pure."""
