-- Opens one partition for a new link: creates it if it is not there, and raises the link generation of this daemon, which
-- turns whatever an older link of it still has under way into GHOST errors.
-- KEYS: meta, log.  ARGV: daemon, partition
-- Returns the generation and the last id.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.pcall('XGROUP', 'CREATE', KEYS[2], 'appliers', '0', 'MKSTREAM') -- the log may be there although this hash is not
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  local last = tonumber(ARGV[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, sequence = string.match(info[i + 1], '^(%d+)-(%d+)$')
      last = tonumber(ms) * 8192 + tonumber(sequence) * 64 + last
    end
  end
  redis.call('HSET', KEYS[1], 'last', string.format('%d', last))
end
local generation = redis.call('HINCRBY', KEYS[1], 'generation:' .. ARGV[1], 1)
return {tostring(generation), redis.call('HGET', KEYS[1], 'last')}
