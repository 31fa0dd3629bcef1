-- Which store this is: made on the first visit, never changed.
-- KEYS: store.  ARGV: epoch for a new store, schema version, partitions
-- Returns epoch, schema version, partitions.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'schema', ARGV[2], 'partitions', ARGV[3])
end
return redis.call('HMGET', KEYS[1], 'epoch', 'schema', 'partitions')
