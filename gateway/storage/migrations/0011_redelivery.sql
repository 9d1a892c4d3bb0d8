-- A message that was refused, and comes again because its acknowledgement was lost, is known by its bytes.
CREATE INDEX rejection_by_content ON rejection (topic, md5(payload));
