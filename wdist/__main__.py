"""`python -m wdist` is `wdist`."""

from wdist.cli import app

if __name__ == "__main__":
    app(prog_name="wdist")
