-- A timeline is a list of share ids whose last element is its header: 'B...' while it is being built; else a floor, a count and
-- a mark, as '-f n m': it vouches only for ids above f ('0': for all); the last n ids before the header are in order, newest
-- first and none twice (no n: 0); m is of the cut that left all of them so (no m: it left others, too). Pushes come at the head,
-- so that they leave that true.

-- What a header states; nil while the timeline is being built.
local function timeline_header(header)
  local floor, ordered, mark = string.match(header, '^%-?(%d+) ?(%d*) ?(%d*)$')
  return tonumber(floor), tonumber(ordered) or 0, mark
end

-- The lowest of the first `count` ids, and whether they are in order.
local function timeline_look(key, count)
  local ids = count > 0 and redis.call('LRANGE', key, 0, count - 1) or {}
  local lowest, last, in_order = math.huge, math.huge, true
  for i = 1, count do
    local id = ids[i] + 0 -- in half the time of tonumber()
    if id >= last then in_order = false end
    if id < lowest then lowest = id end
    last = id
  end
  return lowest, in_order
end

-- Puts all ids in order. Redis sorts, in a tenth of the time that Lua would take; it compares doubles, in which ids are exact.
-- Returns how many they are now.
local function timeline_sort(key)
  local ttl = redis.call('PTTL', key)
  redis.call('LSET', key, -1, '0') -- the lowest: it stays the last
  redis.call('SORT', key, 'DESC', 'STORE', key)
  local listed, ids = redis.call('LRANGE', key, 0, -1), {}
  for i = 1, #listed do
    if listed[i] ~= listed[i - 1] then ids[#ids + 1] = listed[i] end
  end
  if #ids < #listed then
    redis.call('UNLINK', key)
    for first = 1, #ids, 1000 do redis.call('RPUSH', key, unpack(ids, first, math.min(first + 999, #ids))) end
  end
  if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
  return #ids - 1
end

-- Cuts a timeline, of which the last `ordered` ids are in order, to the newest `cap` above `floor`: by position if all that
-- were pushed since are above those that go, else when it is sorted. `lowest` of these and whether they are in order is looked
-- up unless it is known. Returns the mark, '0' if there is none.
local function timeline_settle(key, floor, ordered, cap, lowest, in_order)
  local count = redis.call('LLEN', key) - 1
  if not lowest then lowest, in_order = timeline_look(key, count - ordered) end
  if ordered > 0 and lowest <= tonumber(redis.call('LINDEX', key, count - ordered)) or
    not in_order and ordered < math.max(count - cap, 1) then
    count = timeline_sort(key)
    ordered = count
  elseif in_order then
    ordered = count
  end
  local kept = count
  while kept > 0 and tonumber(redis.call('LINDEX', key, kept - 1)) <= floor do kept = kept - 1 end
  if kept > cap then
    floor, kept = tonumber(redis.call('LINDEX', key, cap)), cap
  end
  ordered = math.max(ordered - (count - kept), 0)
  local time = redis.call('TIME')
  local mark = ordered == kept and string.format('%s%06d', time[1], time[2]) or '0'
  local header = string.format('%s%d %d %s', floor > 0 and '-' or '', floor, ordered, mark)
  if kept > 0 then
    redis.call('LTRIM', key, 0, kept - 1)
    redis.call('RPUSH', key, header)
  else
    redis.call('LTRIM', key, -1, -1) -- a list without anything would lose its time to live
    redis.call('LSET', key, -1, header)
  end
  return mark
end
