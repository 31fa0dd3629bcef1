-- Gives entries that were parked long enough back to be tried once more, alone: as pending entries of nobody, which the next
-- daemon claims. One more death, and such an entry is parked again. What the log no longer holds stays parked.
-- KEYS: log, tries, parked.  ARGV: how long they stay parked in ms, how often to say that each was tried
-- Returns how many.
local time = redis.call('TIME')
local due_ms = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1])
local few = redis.call('HRANDFIELD', KEYS[3], 16, 'WITHVALUES')
local count = 0
for i = 1, #few, 2 do
  local id = tonumber(few[i])
  local position = string.format('%d-%d', math.floor(id / 8192), math.floor(id / 64) % 128)
  if cjson.decode(few[i + 1]).parked_ms <= due_ms and #redis.call('XRANGE', KEYS[1], position, position) > 0 then
    redis.call('HSET', KEYS[2], few[i], ARGV[2] .. ' -')
    redis.call('XCLAIM', KEYS[1], 'appliers', 'parked', 0, position, 'IDLE', 86400000, 'FORCE', 'JUSTID')
    redis.call('HDEL', KEYS[3], few[i])
    count = count + 1
  end
end
return count
