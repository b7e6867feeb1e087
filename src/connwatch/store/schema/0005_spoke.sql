-- Until when a stream is known to have been followed, seconds since the epoch in event time. NULL: not known yet.
ALTER TABLE cursors ADD COLUMN spoke_at REAL;
