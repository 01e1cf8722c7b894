"""What tests/outbound.py has besides what it shares."""
