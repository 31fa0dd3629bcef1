-- What has most of something, as subjects of followers: those with the highest numbers, for all time and for each hour. A number
-- is not added up here but read off the set in which what is counted stands by its id. So it is exact, may be noted again, and
-- sinks when something goes; who is dropped for want of room comes back with the whole number. Beside each set stands the highest
-- number that anybody had who was dropped: who is not in it has no more.
local POPULAR_MAX, POPULAR_SLACK = 256, 64
local POPULAR_HOUR = 3600000 * 8192 -- in ids
local POPULAR_KEPT_S = 26 * 3600

local function popular_dropped(key) return key .. ':dropped' end

local function popular_rank(key, count, member)
  if count == 0 then
    redis.call('ZREM', key, member)
    return
  end
  redis.call('ZADD', key, count, member)
  local surplus = redis.call('ZCARD', key) - POPULAR_MAX
  if surplus >= POPULAR_SLACK then
    local highest = tonumber(redis.call('ZRANGE', key, surplus - 1, surplus - 1, 'WITHSCORES')[2])
    if highest > tonumber(redis.call('GET', popular_dropped(key)) or 0) then redis.call('SET', popular_dropped(key), highest) end
    redis.call('ZREMRANGEBYRANK', key, 0, surplus - 1)
  end
end

local function popular_count(prefix, counted, member, id)
  local hour = math.floor(tonumber(id) / POPULAR_HOUR)
  local first, behind = string.format('%d', hour * POPULAR_HOUR), string.format('(%d', (hour + 1) * POPULAR_HOUR)
  popular_rank(prefix .. 'all', redis.call('ZCARD', counted), member)
  popular_rank(prefix .. hour, redis.call('ZCOUNT', counted, first, behind), member)
  redis.call('EXPIRE', prefix .. hour, POPULAR_KEPT_S)
  redis.call('EXPIRE', popular_dropped(prefix .. hour), POPULAR_KEPT_S)
end

-- Something of this id has come into a member's set, or has gone. A key of another kind holds nothing up.
local function popular_note(prefix, counted, member, id) pcall(popular_count, prefix, counted, member, id) end
