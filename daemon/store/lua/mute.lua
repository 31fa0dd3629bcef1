-- uses: log
-- A reader mutes a subject, or does so no longer. When memory is full, Redis refuses the former, whose first write takes
-- memory. KEYS: meta, log, muted.  ARGV: daemon, generation, partition, `mute` or `unmute`, reader, subject, how many may be
-- muted Returns the position and 0 done, 1 nothing to do, 4 too many.
local log, refusal = log_open()
if not log then return refusal end
local standing = redis.call('ZSCORE', KEYS[3], ARGV[6])
if ARGV[4] == 'mute' then
  if standing then return {text(tonumber(standing)), 1} end
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[7]) then return {'0', 4} end
  redis.call('ZADD', KEYS[3], text(log_next(log)), ARGV[6])
else
  if not standing then return {text(log.last), 1} end
  redis.call('ZREM', KEYS[3], ARGV[6])
end
local id = text(log_append(log, 'k', ARGV[4], 'r', ARGV[5], 's', ARGV[6]))
log_close(log)
return {id, 0}
