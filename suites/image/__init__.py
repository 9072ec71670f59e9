"""Images: getting them ready, and telling them apart."""
