-- uses: log
-- Moves a marker of a reader, forward only.
-- KEYS: meta, log, markers.  ARGV: daemon, generation, partition, which marker (and kind of entry), reader, id
-- Returns the position, 0 moved or 1 it stood there or further, and where it stands.
local held = tonumber(redis.call('HGET', KEYS[3], ARGV[4]) or 0)
local log, refusal = log_open()
if not log then return refusal end
if held >= tonumber(ARGV[6]) then return {text(log.last), 1, text(held)} end

local id = text(log_append(log, 'k', ARGV[4], 's', ARGV[5], 'v', ARGV[6]))
log_close(log)
redis.call('HSET', KEYS[3], ARGV[4], ARGV[6])
return {id, 0, ARGV[6]}
