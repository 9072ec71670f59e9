"""A deck of slides from a run, for an instructor in front of a class: predict first, then reveal."""
