-- uses: log deletions
-- flags: allow-oom
-- Deletes a share, if it is the author's, and its dialogue, whatever its size: Redis frees it beside its work. Also when memory
-- is full: it gives back more than it takes.
-- KEYS: meta, log, profile, body, deletions, the key that names an import's idempotency key, dialogue, comments, counts,
--       what the author has re-shared
-- ARGV: daemon, generation, partition, author, share id, retention of deletions in ms, idempotency ttl in s
-- Returns the position and 0 deleted, 1 was deleted already, 2 not found, 3 not the author's.
local member = ARGV[5] .. ':' .. ARGV[4]
local earlier = redis.call('ZSCORE', KEYS[5], member)
if earlier then return {text(tonumber(earlier)), 1} end
local body = redis.call('GET', KEYS[4]) -- one that was lost holds nothing up
if not redis.call('ZSCORE', KEYS[3], ARGV[5]) then return {'0', body and 3 or 2} end
local log, refusal = log_open()
if not log then return refusal end

local id = log_append(log, 'k', 'delete', 'a', ARGV[4], 's', ARGV[5], 'b', body or '')
log_close(log)
redis.call('ZREM', KEYS[3], ARGV[5])
redis.call('UNLINK', KEYS[4], KEYS[7], KEYS[8], KEYS[9])
redis.call('ZREMRANGEBYSCORE', KEYS[10], ARGV[5], ARGV[5])
local key = redis.call('GETDEL', KEYS[6])
if key then redis.call('EXPIRE', key, ARGV[7]) end
deletions_add(KEYS[5], log, id, member, tonumber(ARGV[6]))
return {text(id), 0}
