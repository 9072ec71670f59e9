"""Numbers only: from the records of runs to rows, speedups, verdicts, scaling laws, rooflines and tiers of proof."""
