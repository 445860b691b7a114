"""Tools for working on the repository; nothing of the hub imports them."""
