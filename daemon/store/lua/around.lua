-- The latest comments under all shares of a subject, oldest first.
-- KEYS: around.  ARGV: lowest id, highest id, limit, prefix of the keys of comments
-- Returns [`id:share`, id, `parent body`, …], null in place of the third for one that went with its share and for `capped`.
local found = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
local page = {}
for i = 1, #found, 2 do
  local id, share = string.match(found[i], '^(%d+):(%d+)$')
  page[#page + 1], page[#page + 2] = found[i], found[i + 1]
  page[#page + 1] = id and redis.call('HGET', ARGV[4] .. share, id) or false
end
return page
