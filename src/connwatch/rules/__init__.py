"""What requests mean. Data files say how clients and steps look; nothing here reads a file, a clock or a log."""
