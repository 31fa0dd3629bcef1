-- uses: log
-- flags: allow-oom
-- Begins to delete a subject: what stands before this entry's position goes, what was said about it and its inbox at once and the rest
-- slice by slice; what comes after it belongs to whoever uses the id then. Also when memory is full, as it gives back more than it
-- takes.
-- KEYS: meta, log, erasure, deletions, description, words, inbox, markers, then what is deleted piece by piece (sorted sets)
-- ARGV: daemon, generation, partition, subject
-- Returns the position, 1 if it is under way or was done and nothing has come since, how much there was, how much is left,
-- and 1 if it is done.
local held = redis.call('HMGET', KEYS[3], 'position', 'total', 'done')
local said = redis.call('HGET', KEYS[5], 'words')
local left, below = 0, held[1] and not held[3] and '(' .. held[1] or '+inf'
for i = 9, #KEYS do left = left + redis.call('ZCOUNT', KEYS[i], 1, below) end
if held[1] and (not held[3] or (left == 0 and not said)) then
  return {held[1], 1, tonumber(held[2]), left, held[3] and 1 or 0}
end
local log, refusal = log_open()
if not log then return refusal end
local id = text(log_append(log, 'k', 'erase', 's', ARGV[4]))
log_close(log)
redis.call('HSET', KEYS[3], 'position', id, 'entry', id, 'total', left)
redis.call('HDEL', KEYS[3], 'done')
redis.call('PERSIST', KEYS[3])
redis.call('ZADD', KEYS[4], id, 'subject:' .. ARGV[4])
for member in string.gmatch(said or '', '[^\t]+') do redis.call('ZREM', KEYS[6], member) end
redis.call('UNLINK', KEYS[5], KEYS[7], KEYS[8])
return {id, 0, left, left, 0}
