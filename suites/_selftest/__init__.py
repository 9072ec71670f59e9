"""Work of known differences, for `residency selftest`; its name keeps it out of the list of topics."""
