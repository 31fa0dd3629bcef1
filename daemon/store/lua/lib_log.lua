-- The log of one partition. Callers pass KEYS[1] = meta, KEYS[2] = log, ARGV[1] = daemon, ARGV[2] = its link's generation,
-- ARGV[3] = partition. Everything is checked in log_next(), before the first write: Redis does not roll a script back.
local EPOCH_MS = 1767225600000 -- 2026-01-01T00:00:00Z
local CLOCK_BEHIND_MS = 3600000

local function text(id) return string.format('%.0f', id) end

-- The predecessor's id and the next one: above every id of this log whatever the clock does. Or nil and the error.
local function log_next()
  local held = redis.call('HMGET', KEYS[1], 'generation:' .. ARGV[1], 'last')
  if held[1] ~= ARGV[2] then
    return nil, redis.error_reply('GHOST this link was replaced by a newer one')
  end
  local last = tonumber(held[2])
  local ms, sequence = math.floor(last / 8192), math.floor(last / 64) % 128
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000) - EPOCH_MS
  if now < ms - CLOCK_BEHIND_MS then
    return nil, redis.error_reply('CLOCK the clock of Redis is more than an hour behind the newest id')
  end
  if now > ms then
    ms, sequence = now, 0
  elseif sequence < 127 then
    sequence = sequence + 1
  else
    ms, sequence = ms + 1, 0
  end
  return last, ms * 8192 + sequence * 64 + tonumber(ARGV[3])
end

local function log_append(last, id, ...)
  local position = string.format('%.0f-%.0f', math.floor(id / 8192), math.floor(id / 64) % 128)
  redis.call('XADD', KEYS[2], position, 'p', text(last), ...)
  redis.call('HSET', KEYS[1], 'last', text(id))
end
