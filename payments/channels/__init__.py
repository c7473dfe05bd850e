"""What each channel needs, shows and allows."""
