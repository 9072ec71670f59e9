"""Questions that take several runs, or several steps of one run: what to measure next, and what is known then."""
