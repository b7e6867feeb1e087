"""`python -m connwatch` is the same as `connwatch`."""

from connwatch.cli.main import main

main()
