"""What `sqlmap.py` is made of: a real PostgreSQL, and an application that pastes what it is sent into its statements."""
