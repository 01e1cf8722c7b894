"""What tests/spellings.py is made of: backends that tell what they acted on, spellings, and the comparison of both."""
