"""``python -m ledger_cli``: the program, where no script is on the path."""

from ledger_cli.main import entry

if __name__ == "__main__":
    entry()
