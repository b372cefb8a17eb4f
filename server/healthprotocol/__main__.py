"""`python -m healthprotocol` is the command `healthprotocol`."""

from healthprotocol.cli import main

if __name__ == "__main__":
    main()
