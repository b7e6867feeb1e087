"""The words of the domain as plain data. Standard library only; knows nothing of parsing, time or I/O."""
