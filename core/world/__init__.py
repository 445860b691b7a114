"""The captioned world."""
