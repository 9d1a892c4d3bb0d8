"""What owners allow, begin, take back and hand on."""
