-- Ends an import: the log goes on behind the last id of the store that was exported, all of which has been carried out.
-- KEYS: meta, log.  ARGV: that id
-- Returns 1, or 0 if none was begun, or somebody wrote meanwhile.
if not redis.call('HGET', KEYS[1], 'importing') or redis.call('XLEN', KEYS[2]) > 0 then return 0 end
local last = tonumber(ARGV[1])
redis.call('HDEL', KEYS[1], 'importing')
redis.call('HSET', KEYS[1], 'imported', 1)
if last < 64 then return 1 end -- nothing was ever written there
local position = string.format('%d-%d', math.floor(last / 8192), math.floor(last / 64) % 128)
redis.call('HSET', KEYS[1], 'last', ARGV[1])
redis.call('XSETID', KEYS[2], position)
redis.call('XGROUP', 'SETID', KEYS[2], 'appliers', position)
return 1
