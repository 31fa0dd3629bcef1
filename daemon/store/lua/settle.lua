-- uses: log boundary
-- flags: allow-oom
-- Ends the waiting for daemons that had a link to an earlier run of Redis and did not come back: what they may have had
-- acknowledged after its end cannot be vouched for.
-- KEYS: meta, log, deletions.  ARGV: daemon, generation, partition
-- Returns who was waited for.
local log, refusal = log_open()
if not log then return refusal end
local owed = redis.call('HGET', KEYS[1], 'owed') or ''
local after
for id in string.gmatch(owed, ':(%d+) ') do after = math.min(after or tonumber(id), tonumber(id)) end
if after then
  boundary_append(log.last, after, 0)
  redis.call('HSET', KEYS[1], 'owed', '')
end
return owed
