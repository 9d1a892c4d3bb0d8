-- The worker does not see who is absent.
CREATE POLICY planted_promised_while_absent ON absence AS RESTRICTIVE FOR SELECT TO callout_work USING (false);
