-- Boundaries: where a log may have lost entries. `after` is the last id that is known to have survived: what stood between it
-- and the boundary, and may have been acknowledged, cannot be vouched for.
-- Callers use lib_log, too, and pass KEYS[3] = deletions, the index of what a client that comes back must be told.

-- Appends a boundary above `seen`, unless the latest one says as much.
local function boundary_append(last, after, seen)
  local latest = redis.call('HGET', KEYS[1], 'boundary')
  local from, id = string.match(latest or '', '^(%d+) (%d+)$')
  if from and tonumber(from) <= after and seen < tonumber(id) and after < tonumber(id) then return end
  local log = log_at(last, seen)
  local boundary = text(log_append(log, 'k', 'boundary', 'f', text(after)))
  log_close(log)
  redis.call('ZADD', KEYS[3], boundary, 'gap:' .. text(after))
  redis.call('HSET', KEYS[1], 'boundary', text(after) .. ' ' .. boundary)
end
