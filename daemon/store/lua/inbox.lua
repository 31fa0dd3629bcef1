-- What others did that concerns a subject, newest first: who follows it, the comments under its shares, and other notices.
-- KEYS: followers, around, inbox.  ARGV: highest id, lowest id, how many of each, prefix of the keys of comments
-- Returns [reader, id, …], [`id:share`, id, `parent body` or null if it is gone, …], [notice, id, …], and up to which id older ones
-- of the last two were dropped ('0': none).
local function newest(key) return redis.call('ZRANGE', key, ARGV[1], ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[3], 'WITHSCORES') end

local around, comments = newest(KEYS[2]), {}
for i = 1, #around, 2 do
  local id, share = string.match(around[i], '^(%d+):(%d+)$')
  comments[#comments + 1], comments[#comments + 2] = around[i], around[i + 1]
  comments[#comments + 1] = id and redis.call('HGET', ARGV[4] .. share, id) or false
end
local dropped = math.max(redis.call('ZSCORE', KEYS[2], 'capped') or 0, redis.call('ZSCORE', KEYS[3], 'capped') or 0)
return {newest(KEYS[1]), comments, newest(KEYS[3]), string.format('%d', dropped)}
