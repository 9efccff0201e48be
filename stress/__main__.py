"""``python -m stress`` is the same as ``stress``."""

from stress.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
