-- How far each group has come with what is in this database. The group's own positions are with the broker, and do not go
-- back when an older state of the database is put back.
create table processor_positions (
  consumer_group text not null,
  topic          text not null,
  partition      integer not null,
  -- The next offset.
  position       bigint not null,
  primary key (consumer_group, topic, partition)
) with (fillfactor = 50);
