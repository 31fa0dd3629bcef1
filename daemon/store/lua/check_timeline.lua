-- Which ids of a timeline are of shares that there never were, or that are lost. A share that was deleted or dropped by its
-- profile stays in timelines, and reads leave it out; what the log does not tell of any more is taken for such a one.
-- KEYS: meta, log, deletions.  ARGV: prefixes of the keys of bodies and of profiles, ids of one partition
-- Returns the ids.
local meta = redis.call('HMGET', KEYS[1], 'last', 'forgotten')
local last, forgotten = tonumber(meta[1] or 0), tonumber(meta[2] or 0)
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local begins = oldest and tonumber(string.match(oldest[1], '^%d+')) or math.huge

local function is_dead(digits)
  local id = tonumber(digits)
  if id > last then return true end
  local ms = math.floor(id / 8192)
  if redis.call('EXISTS', ARGV[1] .. digits) == 1 or id <= forgotten or ms < begins then return false end
  local position = string.format('%d-%d', ms, math.floor(id / 64) % 128)
  local held, entry = redis.call('XRANGE', KEYS[2], position, position)[1], {}
  if not held then return ms > begins end
  for i = 1, #held[2], 2 do entry[held[2][i]] = held[2][i + 1] end
  if entry.k ~= 'share' then return true end
  if redis.call('ZSCORE', KEYS[3], digits .. ':' .. entry.a) then return false end
  local lowest = redis.call('ZRANGE', ARGV[2] .. entry.a, 1, '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
  return lowest and id >= tonumber(lowest)
end

local dead = {}
for i = 3, #ARGV do
  if is_dead(ARGV[i]) then dead[#dead + 1] = ARGV[i] end
end
return dead
