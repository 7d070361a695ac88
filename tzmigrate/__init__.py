"""tzmigrate: from timestamp to timestamptz, with proof and a way back."""

__version__ = "0.1.0"
