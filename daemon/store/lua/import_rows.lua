-- uses: popular
-- Writes rows of an exported store, of one partition.
-- KEYS: meta, then for each: the key, and that of the dialogue beside comments, or of the idempotency key
-- ARGV: the id that is next, prefixes of the keys of popular subjects, destinations and shares, then for each: how, of which of
--       these it is counted ('0': of none), name, member, value
-- Returns 1, or 0 if no import was begun.
if not redis.call('HGET', KEYS[1], 'importing') then return 0 end

local notes, next_id = {{}, {}, {}}, tonumber(ARGV[1])
local write = {
  set = function(key, _, member, value) redis.call('ZADD', key, value, member) end,
  hash = function(key, _, member, value) redis.call('HSET', key, member, value) end,
  value = function(key, _, _, value) redis.call('SET', key, value) end,
  key = function(key, beside, _, _, name)
    redis.call('SET', key, beside)
    redis.call('SET', beside, name)
  end,
  comments = function(key, dialogue, member, value)
    local parent = string.match(value, '^%d+')
    redis.call('HSET', key, member, value)
    redis.call('ZADD', dialogue, member, member)
    if parent ~= '0' then redis.call('HINCRBY', key, 'r' .. parent, 1) end
  end,
}

for i = 1, (#KEYS - 1) / 2 do
  local at, key, beside = 5 * i, KEYS[2 * i], KEYS[2 * i + 1]
  local how, counted, name, member, value = unpack(ARGV, at, at + 4)
  write[how](key, beside, member, value, name)
  if counted ~= '0' then
    -- What is older than any window is of all time alone: the present hour has none of it.
    local id = tonumber(how == 'comments' and member or value)
    local recent = next_id - id < 25 * POPULAR_HOUR
    popular_note(notes[tonumber(counted)], how == 'comments' and beside or key, name, recent and id or next_id)
  end
end
for kind = 1, 3 do popular_write(ARGV[1 + kind], notes[kind]) end
return 1
