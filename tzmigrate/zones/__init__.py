"""The second room: what the values of each column mean."""
