-- The subjects that a reader follows, and the log position of its partition that they stand for.
-- KEYS: meta, following
return {redis.call('HGET', KEYS[1], 'last'), redis.call('ZRANGE', KEYS[2], 0, -1)}
