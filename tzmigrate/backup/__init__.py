"""The safety net: backups that are verified and restored by trial, and the way back."""
