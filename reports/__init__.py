"""What a run has to say: summaries, tables, files."""
