"""Floor 3: which events belong to one attempt. Pure: time is data, nothing is read, nothing is logged."""
