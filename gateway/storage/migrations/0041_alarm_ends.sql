-- Why an alarm about the desk ended, where that is not that all is well: shown beside the alarms, not in the log alone.

ALTER TABLE desk_alarm ADD COLUMN ended_why text NOT NULL DEFAULT '';
ALTER TABLE desk_alarm ADD CONSTRAINT only_an_ended_alarm_has_a_reason CHECK (ended_why = '' OR closed_at IS NOT NULL);
CREATE INDEX desk_alarm_ended_for_a_reason ON desk_alarm (closed_at) WHERE ended_why <> '';
