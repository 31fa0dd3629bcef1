-- A timeline is a list of share ids whose last element is its header: '0' complete, '-f' vouches only for ids above f,
-- 'B...' being built.

-- The floor that a header states, nil while the timeline is being built.
local function timeline_floor(header)
  if string.sub(header, 1, 1) == 'B' then return nil end
  return -tonumber(header)
end

-- The ids without those that repeat the one before them.
local function timeline_distinct(ids)
  local distinct = {}
  for i = 1, #ids do
    if ids[i] ~= ids[i - 1] then distinct[#distinct + 1] = ids[i] end
  end
  return distinct
end

-- Puts a timeline in order, newest first, without repeats, and cuts it to the newest `cap` above `floor`. Redis sorts, in a
-- tenth of the time that Lua would take; it compares doubles, in which ids are exact.
local function timeline_settle(key, floor, cap)
  local ttl = redis.call('PTTL', key)
  redis.call('LSET', key, -1, '0') -- the lowest: it stays the last
  redis.call('SORT', key, 'DESC', 'STORE', key)
  local listed = redis.call('LRANGE', key, 0, -2)
  local ids = timeline_distinct(listed)
  if #ids < #listed then
    redis.call('UNLINK', key)
    for first = 1, #ids, 1000 do redis.call('RPUSH', key, unpack(ids, first, math.min(first + 999, #ids))) end
  end
  local count = #ids
  while count > 0 and tonumber(ids[count]) <= floor do count = count - 1 end
  if count > cap then floor, count = tonumber(ids[cap + 1]), cap end
  if count > 0 then
    redis.call('LTRIM', key, 0, count - 1)
  else
    redis.call('UNLINK', key)
  end
  redis.call('RPUSH', key, floor == 0 and '0' or string.format('-%d', floor))
  if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
end
