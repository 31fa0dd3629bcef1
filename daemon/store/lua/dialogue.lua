-- A page of the comments under a share.
-- KEYS: body of the share, dialogue, comments, counts.  ARGV: lowest id, highest id, 1 if newest first, limit
-- Returns whether there is such a share, its counts, and [id, `parent body`, …].
if redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
local ids
if ARGV[3] == '1' then
  ids = redis.call('ZRANGE', KEYS[2], ARGV[2], ARGV[1], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[4])
else
  ids = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[4])
end
local comments = #ids > 0 and redis.call('HMGET', KEYS[3], unpack(ids)) or {}
local page = {}
for i = 1, #ids do page[2 * i - 1], page[2 * i] = ids[i], comments[i] end
return {1, redis.call('GET', KEYS[4]) or '', page}
