-- Whether nothing was ever written to a partition: then a store may be imported into it, which it remembers until that has
-- ended.
-- KEYS: meta, log.  ARGV: partition, 1 to begin
-- Returns 1 or 0.
local held = redis.call('HMGET', KEYS[1], 'last', 'importing')
if held[1] ~= ARGV[1] or held[2] or redis.call('XLEN', KEYS[2]) > 0 then return 0 end
if ARGV[2] == '1' then redis.call('HSET', KEYS[1], 'importing', 1) end
return 1
