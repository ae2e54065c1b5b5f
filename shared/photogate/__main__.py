"""``python -m photogate`` is the command line."""

from photogate.cli import main

if __name__ == "__main__":
    main()
