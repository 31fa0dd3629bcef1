-- A page of those subjects of a partition that have a word with this beginning.
-- KEYS: words.  ARGV: lowest member, highest, limit, prefix of the keys of descriptions
-- Returns [member, record, …] in the order of the members. Each is a word and what follows it in its name, a line feed, and the
-- id.
local members = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])
local found = {}
for i = 1, #members do
  found[2 * i - 1] = members[i]
  found[2 * i] = redis.call('HGET', ARGV[4] .. string.match(members[i], '\n(.*)$'), 'record') or ''
end
return found
