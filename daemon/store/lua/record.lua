-- uses: popular
-- flags: allow-oom
-- What a share, or its deletion, does to the records of who shared what: of a destination, and of a site. Each author stands
-- there once, with the latest share; earlier ones of the same author stand in a second set, and take its place should it go.
-- May be repeated. Also when memory is full, as what has been begun is to be ended.
-- KEYS: for each: sharers, earlier shares.
-- ARGV: prefix of the keys of popular destinations, then for each: `add` or `remove`, author, share id, the destination's name
--       ('': it is a site)
-- Returns for each 1, or an error, if one of its keys is of another kind.
local function earlier_member(author, id)
  return author .. '\n' .. string.format('%016.0f', tonumber(id)) -- no name holds a line break
end

local function add(sharers, earlier, author, ids)
  local held = tonumber(redis.call('ZSCORE', sharers, author) or 0)
  local latest, others = held, {}
  for _, id in ipairs(ids) do
    local other = math.min(latest, tonumber(id))
    if latest > 0 and tonumber(id) ~= latest then
      others[#others + 1], others[#others + 2] = 0, earlier_member(author, other)
    end
    latest = math.max(latest, tonumber(id))
  end
  if #others > 0 then redis.call('ZADD', earlier, unpack(others)) end
  if latest > held then redis.call('ZADD', sharers, string.format('%.0f', latest), author) end
end

local function remove(sharers, earlier, author, ids)
  local id = ids[1]
  local latest = redis.call('ZSCORE', sharers, author)
  if not latest or tonumber(latest) ~= tonumber(id) then
    redis.call('ZREM', earlier, earlier_member(author, id))
    return
  end
  local next = redis.call('ZRANGE', earlier, '(' .. author .. '\n:', '[' .. author .. '\n', 'BYLEX', 'REV', 'LIMIT', 0, 1)[1]
  if not next then
    redis.call('ZREM', sharers, author)
    return
  end
  redis.call('ZADD', sharers, string.format('%.0f', tonumber(string.sub(next, #author + 2))), author)
  redis.call('ZREM', earlier, next)
end

-- What one author adds to one set goes together.
local groups, results, notes = {}, {}, {}
for i = 1, #KEYS, 2 do
  local at = (i - 1) / 2 * 4 + 1
  local author, id, destination = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local name = ARGV[at + 1] == 'add' and KEYS[i] .. '\n' .. author or i
  local group = groups[name]
  if not group then
    group = {apply = name == i and remove or add, sharers = KEYS[i], earlier = KEYS[i + 1], author = author, ids = {}, items = {}}
    groups[name] = group
  end
  group.ids[#group.ids + 1], group.items[#group.items + 1] = id, (i + 1) / 2
  if destination ~= '' then popular_note(notes, KEYS[i], destination, id) end
end
for _, group in pairs(groups) do
  local done, problem = pcall(group.apply, group.sharers, group.earlier, group.author, group.ids)
  for _, item in ipairs(group.items) do results[item] = done and 1 or redis.error_reply(problem) end
end
popular_write(ARGV[1], notes)
return results
