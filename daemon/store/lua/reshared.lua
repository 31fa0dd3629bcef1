-- uses: log counts inbox
-- flags: allow-oom
-- What a re-share, or its deletion, does to the share that it is of: who has re-shared that is known there, each once by the
-- re-share's id, and counted, and its author has a notice. May be repeated. Also when memory is full, as what has been begun is to be ended.
-- KEYS: meta, log, body of the share, its re-shares, counts, inbox of its author
-- ARGV: daemon, generation, partition, `reshared` or `unreshared`, author of the share, share, who re-shares it, the re-share,
--       notice, how many are kept
-- Returns the position and 0 done, 1 was done already, 2 there is no such share.
if redis.call('EXISTS', KEYS[3]) == 0 then return {'0', 2} end
local adds, standing = ARGV[4] == 'reshared', redis.call('ZSCORE', KEYS[4], ARGV[7])
local log, refusal = log_open()
if not log then return refusal end
local id = tonumber(ARGV[8])
local stands = standing and tonumber(standing) or 0
if adds and stands >= id or not adds and stands ~= id then return {text(log.last), 1} end

local comments = counts_read(KEYS[5])
redis.call('ZCARD', KEYS[6]) -- an error comes before the first write
local reshares = redis.call('ZCARD', KEYS[4]) + (adds and (standing and 0 or 1) or -1)
local counts = counts_after(log, comments, reshares)
local position =
  log_append(log, 'k', ARGV[4], 'a', ARGV[5], 's', ARGV[6], 'r', ARGV[7], 'c', ARGV[8], 'q', counts)
log_close(log)
if adds then
  redis.call('ZADD', KEYS[4], ARGV[8], ARGV[7])
  inbox_add(KEYS[6], text(position), ARGV[9], tonumber(ARGV[10]))
else
  redis.call('ZREM', KEYS[4], ARGV[7])
  redis.call('ZREM', KEYS[6], ARGV[9])
end
redis.call('SET', KEYS[5], counts)
return {text(position), 0}
