"""The command line. The only floor that writes to a terminal; every command imports its parts when it runs."""
