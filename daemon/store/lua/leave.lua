-- A daemon ends in order: all that it acknowledged stands before this in what Redis keeps, so that nobody needs to ask it.
-- KEYS: meta.  ARGV: daemon
return redis.call('HDEL', KEYS[1], 'linked:' .. ARGV[1])
