-- uses: log
-- flags: allow-oom
-- A slice of a deletion is done: the next one is an entry of its own, so that none is pending for long. Of an entry that was
-- carried out twice only one has a successor.
-- KEYS: meta, log, erasure.  ARGV: daemon, generation, partition, subject, id of this entry
-- Returns 1 if there is a next one.
local held = redis.call('HMGET', KEYS[3], 'position', 'entry', 'done')
if held[2] ~= ARGV[5] or held[3] then return 0 end
local log, refusal = log_open()
if not log then return refusal end
local id = text(log_append(log, 'k', 'erasing', 's', ARGV[4], 'v', held[1]))
log_close(log)
redis.call('HSET', KEYS[3], 'entry', id)
return 1
