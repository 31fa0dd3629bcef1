-- Takes back the count of a try that ended without a crash: its daemon stops in good order, or Redis could not serve it.
-- KEYS: tries.  ARGV: id, which life of the daemon counted it
local tries, life = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%d+) (.*)$')
if life ~= ARGV[2] then return 0 end
if tonumber(tries) > 1 then return redis.call('HSET', KEYS[1], ARGV[1], string.format('%d -', tries - 1)) end
return redis.call('HDEL', KEYS[1], ARGV[1])
