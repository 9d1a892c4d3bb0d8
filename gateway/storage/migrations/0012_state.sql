-- Detector state has another form: what is remembered in the former one is forgotten, and made again from the readings.
DELETE FROM detector_checkpoint;
DELETE FROM detector_anchor;
