"""Why an attempt ended as it did. Pure; judges attempts that lower floors put together."""
