"""Tables: the work most of machine learning in production is."""
