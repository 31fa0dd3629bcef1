-- Opens one partition for a new link: creates it if it is not there, and raises the link generation of this daemon, which
-- turns whatever an older link of it still has under way into GHOST errors.
-- KEYS: meta, log.  ARGV: daemon, partition
-- Returns the generation and the last id.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'last', ARGV[2])
  redis.call('XGROUP', 'CREATE', KEYS[2], 'appliers', '0', 'MKSTREAM')
end
local generation = redis.call('HINCRBY', KEYS[1], 'generation:' .. ARGV[1], 1)
return {tostring(generation), redis.call('HGET', KEYS[1], 'last')}
