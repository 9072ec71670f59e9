"""Images: prepare them for a network, and classify them."""
