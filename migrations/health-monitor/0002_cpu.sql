-- Share of its processors an instance had in use as it was probed last, where it said so.

ALTER TABLE probes ADD COLUMN cpu REAL;
