-- What has most of something, as subjects of followers: those with the highest numbers, for all time and for each hour. A number
-- is not added up here but read off the set in which what is counted stands by its id. So it is exact, may be noted again, and
-- sinks when something goes; who is dropped for want of room comes back with the whole number. Beside each set stands the highest
-- number that anybody had who was dropped: who is not in it has no more.
local POPULAR_MAX, POPULAR_SLACK = 256, 64
local POPULAR_HOUR = 3600000 * 8192 -- in ids
local POPULAR_KEPT_S = 26 * 3600

local function popular_dropped(key) return key .. ':dropped' end

-- Writes down how many each of these has, in one set, which lasts for so many seconds (nil: for ever).
local function popular_rank(key, numbers, kept_s)
  local ranked, gone = {}, {}
  for member, number in pairs(numbers) do
    if number > 0 then
      ranked[#ranked + 1], ranked[#ranked + 2] = number, member
    else
      gone[#gone + 1] = member
    end
  end
  if #gone > 0 then redis.call('ZREM', key, unpack(gone)) end
  if #ranked == 0 then return end
  redis.call('ZADD', key, unpack(ranked))
  if kept_s then redis.call('EXPIRE', key, kept_s) end
  local surplus = redis.call('ZCARD', key) - POPULAR_MAX
  if surplus < POPULAR_SLACK then return end
  local highest = tonumber(redis.call('ZRANGE', key, surplus - 1, surplus - 1, 'WITHSCORES')[2])
  local dropped = popular_dropped(key)
  redis.call('SET', dropped, math.max(highest, tonumber(redis.call('GET', dropped) or 0)))
  if kept_s then redis.call('EXPIRE', dropped, kept_s) end
  redis.call('ZREMRANGEBYRANK', key, 0, surplus - 1)
end

-- Something of this id has come into the set of a member, or has gone. Notes of one prefix are written together.
local function popular_note(notes, counted, member, id)
  local hour = math.floor(tonumber(id) / POPULAR_HOUR)
  notes[hour] = notes[hour] or {}
  notes[hour][member] = counted
  return notes
end

-- A key of another kind holds nothing up.
local function popular_write(prefix, notes)
  local all = {}
  for hour, sets in pairs(notes) do
    local first, behind = string.format('%d', hour * POPULAR_HOUR), string.format('(%d', (hour + 1) * POPULAR_HOUR)
    local numbers = {}
    for member, counted in pairs(sets) do
      local number = redis.pcall('ZCARD', counted)
      if type(number) == 'number' then all[member], numbers[member] = number, redis.call('ZCOUNT', counted, first, behind) end
    end
    pcall(popular_rank, prefix .. hour, numbers, POPULAR_KEPT_S)
  end
  pcall(popular_rank, prefix .. 'all', all)
end
