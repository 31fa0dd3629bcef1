-- The log of one partition. Callers pass KEYS[1] = meta, KEYS[2] = log, ARGV[1] = daemon, ARGV[2] = its link's generation,
-- ARGV[3] = partition. A script opens the log once, appends any number of entries, and closes it.
-- Everything is checked before the first write: Redis does not roll a script back.
local EPOCH_MS = 1767225600000 -- 2026-01-01T00:00:00Z
local CLOCK_BEHIND_MS = 3600000

-- An id as digits. `..` would write 1.2e+15; %d takes a C long, which holds every id.
local function text(id) return string.format('%d', id) end

-- The log whose last entry has this id. What is appended stands above `floor`, too.
local function log_at(last, floor)
  local time = redis.call('TIME')
  return {
    opened = last, last = last, floor = math.max(last, floor or 0),
    now = time[1] * 1000 + math.floor(time[2] / 1000) - EPOCH_MS,
  }
end

-- The log, or nil and the error.
local function log_open()
  local held = redis.call('HMGET', KEYS[1], 'generation:' .. ARGV[1], 'last')
  if held[1] ~= ARGV[2] then
    return nil, redis.error_reply('GHOST this link was replaced by a newer one')
  end
  local log = log_at(tonumber(held[2]))
  if log.now < math.floor(log.last / 8192) - CLOCK_BEHIND_MS then
    return nil, redis.error_reply('CLOCK the clock of Redis is more than an hour behind the newest id')
  end
  return log
end

-- The next entry's id, which is above every id of this log whatever the clock does.
local function log_next(log)
  local ms, sequence = math.floor(log.floor / 8192), math.floor(log.floor / 64) % 128
  if log.now > ms then
    ms, sequence = log.now, 0
  elseif sequence < 127 then
    sequence = sequence + 1
  else
    ms, sequence = ms + 1, 0
  end
  return ms * 8192 + sequence * 64 + tonumber(ARGV[3])
end

-- Appends an entry. Returns its id.
local function log_append(log, ...)
  local id = log_next(log)
  local position = string.format('%d-%d', math.floor(id / 8192), math.floor(id / 64) % 128)
  redis.call('XADD', KEYS[2], position, 'p', text(log.last), ...)
  log.last, log.floor = id, id
  return id
end

local function log_close(log)
  if log.last == log.opened then return end
  redis.call('HSET', KEYS[1], 'last', text(log.last))
end

-- The oldest id that is not older than this many milliseconds, as seen from the newest.
local function log_horizon(log, ms)
  return text(math.max(math.floor(log.last / 8192) - ms, 0) * 8192)
end
