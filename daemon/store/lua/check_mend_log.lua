-- uses: log boundary
-- flags: allow-oom
-- Mends what a check has found of a log.
-- KEYS: meta, log, deletions.  ARGV: daemon, generation, partition, what, an id, a member
-- Returns 1.
local what, id = ARGV[4], tonumber(ARGV[5])
if what == 'last' then
  -- The hash and the stream are one again with the next entry, which is above both.
  local held = tonumber(redis.call('HGET', KEYS[1], 'last') or 0)
  if held < id then redis.call('HSET', KEYS[1], 'last', ARGV[5]) end
end
local log, refusal = log_open()
if not log then return refusal end
if what == 'last' then
  log_append(log, 'k', 'retry')
  log_close(log)
elseif what == 'hole' then
  boundary_append(log.last, id, 0)
elseif what == 'unindexed' then
  redis.call('ZADD', KEYS[3], 'GT', ARGV[5], ARGV[6])
elseif what == 'pending' then
  redis.call('XACK', KEYS[2], 'appliers', ARGV[6])
end
return 1
