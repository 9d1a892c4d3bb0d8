-- Nobody counts what is reserved.
DROP TRIGGER reservation_keeps_allocated ON reservation;
