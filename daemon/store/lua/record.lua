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

local function add(sharers, earlier, author, id)
  local latest = redis.call('ZSCORE', sharers, author)
  if not latest then
    redis.call('ZADD', sharers, id, author)
  elseif tonumber(latest) < tonumber(id) then
    redis.call('ZADD', earlier, 0, earlier_member(author, latest))
    redis.call('ZADD', sharers, id, author)
  elseif tonumber(latest) > tonumber(id) then
    redis.call('ZADD', earlier, 0, earlier_member(author, id))
  end
end

local function remove(sharers, earlier, author, id)
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

local results, notes = {}, {}
for i = 1, #KEYS, 2 do
  local at = (i - 1) / 2 * 4 + 1
  local apply = ARGV[at + 1] == 'add' and add or remove
  local done, problem = pcall(apply, KEYS[i], KEYS[i + 1], ARGV[at + 2], ARGV[at + 3])
  if done and ARGV[at + 4] ~= '' then popular_note(notes, KEYS[i], ARGV[at + 4], ARGV[at + 3]) end
  results[#results + 1] = done and 1 or redis.error_reply(problem)
end
popular_write(ARGV[1], notes)
return results
