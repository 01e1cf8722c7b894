"""What the front-door test sends, and how."""
