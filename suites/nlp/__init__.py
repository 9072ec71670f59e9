"""Text: telling it apart and finding it."""
