-- A page of a log: whether each entry names the one before it, and stands in the index of deletions if it belongs there.
-- KEYS: meta, log, deletions.  ARGV: the stream id after which the page begins, the id that its first entry is to name ('': it
-- is not known), partition, how many entries
-- Returns the last stream id of the page ('': there are no further entries), the id of its last entry, and
-- ['hole', before, after, 'boundary', from, id, 'unindexed', id, member, …].
local entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+', 'COUNT', ARGV[4])
local forgotten, before, found = tonumber(redis.call('HGET', KEYS[1], 'forgotten') or 0), tonumber(ARGV[2]), {}
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
if #entries > 0 and oldest[1] == entries[1][1] then before = nil end -- what stood before it was trimmed meanwhile

local members = {
  delete = function(entry) return entry.s .. ':' .. entry.a end,
  uncomment = function(entry) return string.format('c%s:%s:%s', entry.c, entry.s, entry.a) end,
  edit = function(entry) return string.format('e%s:%s', entry.s, entry.a) end,
  erase = function(entry) return 'subject:' .. entry.s end,
  boundary = function(entry) return 'gap:' .. entry.f end,
}

local function add(word, first, second)
  found[#found + 1], found[#found + 2], found[#found + 3] = word, first, second
end

for _, held in ipairs(entries) do
  local ms, sequence = string.match(held[1], '^(%d+)-(%d+)$')
  local id, entry = ms * 8192 + sequence * 64 + ARGV[3], {}
  local digits = string.format('%d', id)
  for i = 1, #held[2], 2 do entry[held[2][i]] = held[2][i + 1] end
  if before and tonumber(entry.p) ~= before then add('hole', string.format('%d', before), digits) end
  if entry.k == 'boundary' then add('boundary', entry.f, digits) end
  local member = members[entry.k] and members[entry.k](entry)
  if member and id > forgotten and tonumber(redis.call('ZSCORE', KEYS[3], member) or 0) < id then
    add('unindexed', digits, member)
  end
  before = id
end
return {#entries > 0 and entries[#entries][1] or '', string.format('%d', before or 0), found}
