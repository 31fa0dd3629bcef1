-- A timeline is a list of share ids whose last element is its header: '0' complete, '-f' vouches only for ids above f,
-- 'B...' being built. Rewriting keeps the key, and so its time to live.

-- The floor that a header states, nil while the timeline is being built.
local function timeline_floor(header)
  if string.sub(header, 1, 1) == 'B' then return nil end
  return -tonumber(header)
end

local function timeline_header(floor)
  return floor == 0 and '0' or string.format('-%d', floor)
end

-- Whether each id is below the one before it: newest first, and no repeats.
local function timeline_in_order(ids)
  for i = 2, #ids do
    if ids[i] >= ids[i - 1] then return false end
  end
  return true
end

-- Writes `ids` (numbers, any order, repeats allowed) as the whole timeline, newest `cap` of them, above `floor`.
local function timeline_write(key, ids, floor, cap)
  table.sort(ids, function(a, b) return a < b end)
  local kept = {}
  for i = #ids, 1, -1 do
    if ids[i] <= floor then break end
    if ids[i] ~= ids[i + 1] then
      if #kept == cap then
        floor = ids[i]
        break
      end
      kept[#kept + 1] = string.format('%d', ids[i])
    end
  end
  redis.call('LTRIM', key, -1, -1)
  redis.call('LSET', key, -1, timeline_header(floor))
  for first = #kept, 1, -1000 do
    local batch = {}
    for i = first, math.max(first - 999, 1), -1 do batch[#batch + 1] = kept[i] end
    redis.call('LPUSH', key, unpack(batch))
  end
end

-- The ids of the list as numbers, without the header.
local function timeline_ids(key)
  local ids = redis.call('LRANGE', key, 0, -2)
  for i = 1, #ids do ids[i] = tonumber(ids[i]) end
  return ids
end
