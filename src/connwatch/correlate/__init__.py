"""Which events belong to one attempt. Pure: time is data, nothing is read, nothing is logged."""
