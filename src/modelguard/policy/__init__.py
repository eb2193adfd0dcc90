"""What the user allows: reading the settings, and judging findings by them."""
