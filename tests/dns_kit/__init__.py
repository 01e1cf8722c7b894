"""What tests/dns.py is made of."""
