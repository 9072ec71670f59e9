"""Questions that take several runs, or several stages of one: what is measured next, and what is then known."""
