-- uses: log
-- A reader blocks a subject, in the reader's partition, and follows it no longer; or blocks it no longer. What is said here is
-- authoritative. When memory is full, Redis refuses the former, whose first write takes memory.
-- KEYS: meta, log, blocked, following
-- ARGV: daemon, generation, partition, `block` or `unblock`, reader, subject, how many may be blocked
-- Returns the position (if there was nothing to do: of the standing block; at or after the unblock), 0 done, 1 nothing to do,
-- 2 too many, and the id of the unfollow entry if there is one, else '0'.
local log, refusal = log_open()
if not log then return refusal end
local standing, follows = redis.call('ZSCORE', KEYS[3], ARGV[6]), redis.call('ZSCORE', KEYS[4], ARGV[6])
local unfollow = '0'
if ARGV[4] == 'block' then
  if standing then return {text(tonumber(standing)), 1, unfollow} end
  if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[7]) then return {'0', 2, unfollow} end
  redis.call('ZADD', KEYS[3], text(log_next(log)), ARGV[6])
else
  if not standing then return {text(log.last), 1, unfollow} end
  redis.call('ZREM', KEYS[3], ARGV[6])
end
local id = text(log_append(log, 'k', ARGV[4], 'r', ARGV[5], 's', ARGV[6]))
if ARGV[4] == 'block' and follows then
  unfollow = text(log_append(log, 'k', 'unfollow', 'r', ARGV[5], 's', ARGV[6]))
  redis.call('ZREM', KEYS[4], ARGV[6])
end
log_close(log)
return {id, 0, unfollow}
