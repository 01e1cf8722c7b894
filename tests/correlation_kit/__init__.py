"""What `correlation.py` is made of: an application that builds its statements in every way, good and bad, on two databases."""
