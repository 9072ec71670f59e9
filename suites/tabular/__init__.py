"""Tables: most machine learning in production works on them."""
