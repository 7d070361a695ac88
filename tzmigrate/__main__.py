"""``python -m tzmigrate`` is the same as ``tzmigrate``."""

from tzmigrate.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
