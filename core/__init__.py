"""Services that the methods share. `core` knows no method by name."""
