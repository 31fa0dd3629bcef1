-- Some of the comments under a share, oldest first.  KEYS: dialogue, comments.  ARGV: from which place on, to which one
-- Returns [id, `parent body`, …].
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2])
local held, page = #ids > 0 and redis.call('HMGET', KEYS[2], unpack(ids)) or {}, {}
for i = 1, #ids do page[2 * i - 1], page[2 * i] = ids[i], held[i] or '0 ' end
return page
