"""Text: classify it, search it, count its words."""
