"""What tests/clients.py is made of: programs it runs, upstreams it writes itself, and how checks are told."""
