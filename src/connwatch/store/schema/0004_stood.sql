-- Where the watermark stood when a turn began: lines behind it came late, and wait for the next turn that moves it. NULL in turns of earlier versions.
ALTER TABLE turns ADD COLUMN stood REAL;
