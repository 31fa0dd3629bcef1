-- Opens one partition for a new link: creates it if it is not there, and raises the link generation of this daemon, which
-- turns whatever an older link of it still has under way into GHOST errors.
-- KEYS: meta, log.  ARGV: daemon, epoch for a new store, schema version, partitions, partition
-- Returns epoch, schema version, partitions, generation, last id.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'schema', ARGV[3], 'partitions', ARGV[4], 'last', ARGV[5])
  redis.call('XGROUP', 'CREATE', KEYS[2], 'appliers', '0', 'MKSTREAM')
end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'schema', 'partitions', 'last')
if held[2] ~= ARGV[3] or held[3] ~= ARGV[4] then
  return {held[1], held[2], held[3], '0', held[4]}
end
local generation = redis.call('HINCRBY', KEYS[1], 'generation:' .. ARGV[1], 1)
return {held[1], held[2], held[3], tostring(generation), held[4]}
