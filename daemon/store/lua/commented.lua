-- Notes where a subject has commented, by the last position in its own log then, or forgets it.
-- KEYS: meta, commented.  ARGV: `add` or `remove`, `comment:share`
if ARGV[1] == 'remove' then return redis.call('ZREM', KEYS[2], ARGV[2]) end
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or 0)
return redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', math.max(last, 1)), ARGV[2])
