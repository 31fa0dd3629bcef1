-- uses: log
-- flags: allow-oom
-- The second half of a block or unblock, in the subject's partition: there the subject does not see who has blocked it, and
-- follows them no longer. Also when memory is full, as what has been begun is to be ended. KEYS: meta, log, blockers,
-- following, versions ARGV: daemon, generation, partition, `bar`, `unbar` or `gone`, reader, subject, version (the id of the
-- block entry; of `gone`: the
--       reader did not block at this position, and whoever unblocked may have left the bar)
-- Returns the position ('0' if a newer version was applied before), and the id of the unfollow entry if there is one, else '0'.
local log, refusal = log_open()
if not log then return refusal end
local stands, follows = redis.call('ZSCORE', KEYS[3], ARGV[5]), redis.call('ZSCORE', KEYS[4], ARGV[5])
local member, version = '\n' .. ARGV[5], ARGV[7] -- beside the versions of follows: no subject's name begins so
if ARGV[4] == 'gone' and not stands then return {text(log.last), '0'} end
if redis.call('ZADD', KEYS[5], 'GT', 'CH', version, member) == 0 then
  if redis.call('ZSCORE', KEYS[5], member) ~= version then return {'0', '0'} end
  if (stands and true or false) == (ARGV[4] == 'bar') then
    return {stands and text(tonumber(stands)) or text(log.last), '0'}
  end
  -- What this version did is not there: it is done again.
end
local bars, unfollow = ARGV[4] == 'bar', '0'
local id = text(log_append(log, 'k', bars and 'bar' or 'unbar', 's', ARGV[6], 'r', ARGV[5], 'v', version))
if bars then
  redis.call('ZADD', KEYS[3], id, ARGV[5])
  if follows then
    unfollow = text(log_append(log, 'k', 'unfollow', 'r', ARGV[6], 's', ARGV[5]))
    redis.call('ZREM', KEYS[4], ARGV[5])
  end
else
  redis.call('ZREM', KEYS[3], ARGV[5])
end
log_close(log)
return {id, unfollow}
