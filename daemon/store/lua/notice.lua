-- uses: log inbox
-- Puts a notice into a subject's inbox, unless it is there.
-- KEYS: meta, log, inbox.  ARGV: daemon, generation, partition, subject, actor, notice, how many are kept
-- Returns the position and whether it was there.
local standing = redis.call('ZSCORE', KEYS[3], ARGV[6])
if standing then return {string.format('%d', standing), 1} end
local log, refusal = log_open()
if not log then return refusal end

local id = text(log_append(log, 'k', 'notice', 'a', ARGV[4], 'r', ARGV[5], 'b', ARGV[6]))
log_close(log)
inbox_add(KEYS[3], id, ARGV[6], tonumber(ARGV[7]))
return {id, 0}
