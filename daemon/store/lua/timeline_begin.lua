-- Begins to build a timeline that does not exist: from here on pushes land in it.
-- KEYS: timeline, following, kept.  ARGV: nonce, how long a builder may take in ms, idle ttl in s
-- Returns 0 it exists, 1 begun under this nonce, with the subjects followed and what is kept of former ones; 2 somebody else is building it.
local header = redis.call('LINDEX', KEYS[1], -1)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mark = string.format('B%.0f-%s', now, ARGV[1])
if header and string.sub(header, 1, 1) ~= 'B' then return {0} end
if header then
  local begun = tonumber(string.match(header, '^B(%d+)-'))
  if now >= begun and now - begun < tonumber(ARGV[2]) then return {2} end
  redis.call('LSET', KEYS[1], -1, mark)
else
  redis.call('RPUSH', KEYS[1], mark)
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return {1, mark, redis.call('ZRANGE', KEYS[2], 0, -1), redis.call('ZRANGE', KEYS[3], 0, -1, 'WITHSCORES')}
