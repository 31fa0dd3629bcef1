-- flags: allow-oom
-- Whom a reader follows though one of the two blocks the other; and what it keeps of subjects that it follows, which is taken
-- away to mend it.
-- KEYS: following, blocked, blockers, kept.  ARGV: 1 to mend
-- Returns [subject, …], [subject, …].
local kept = redis.call('ZINTER', 2, KEYS[1], KEYS[4])
local blocked = redis.call('ZINTER', 2, KEYS[1], KEYS[2])
for _, subject in ipairs(redis.call('ZINTER', 2, KEYS[1], KEYS[3])) do blocked[#blocked + 1] = subject end
if ARGV[1] == '1' then
  for _, subject in ipairs(kept) do redis.call('ZREM', KEYS[4], subject) end
end
return {blocked, kept}
