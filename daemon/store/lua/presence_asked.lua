-- Whose presence is asked for.  KEYS: asked.  ARGV: for how long one is after it was asked for last, in ms; how many at most
-- Returns the subjects, those asked for last first.
local time = redis.call('TIME')
local horizon = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', horizon))
return redis.call('ZRANGE', KEYS[1], 0, ARGV[2] - 1, 'REV')
