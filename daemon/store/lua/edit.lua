-- uses: log counts deletions
-- Edits a share, which must be the author's.
-- KEYS: meta, log, profile, body, counts, deletions, the author's description
-- ARGV: daemon, generation, partition, author, share, body without the mark that it was edited, the mark, how long after its
--       commit a share may be edited in ms, retention in ms
-- Returns the position and 0 done, 1 it says so already, 2 not found, 3 not the author's, 4 it is too late.
local held = redis.call('GET', KEYS[4])
if not held then return {'0', 2} end
if not redis.call('ZSCORE', KEYS[3], ARGV[5]) then return {'0', 3} end
local log, refusal = log_open()
if not log then return refusal end
-- A mark is the body's last field, as long as that of any other moment.
local marked = #held == #ARGV[6] + #ARGV[7] and string.sub(held, 1, #ARGV[6]) == ARGV[6]
if held == ARGV[6] or marked then return {text(log.last), 1} end
if log.now - math.floor(tonumber(ARGV[5]) / 8192) >= tonumber(ARGV[8]) then return {'0', 4} end

local body = ARGV[6] .. ARGV[7]
local counts = counts_after(log, counts_read(KEYS[5]))
local name = redis.call('HGET', KEYS[7], 'name') or ''
local id = log_append(log, 'k', 'edit', 'a', ARGV[4], 's', ARGV[5], 'q', counts, 'b', body, 'n', name)
log_close(log)
redis.call('SET', KEYS[4], body)
redis.call('SET', KEYS[5], counts)
deletions_add(KEYS[6], log, id, string.format('e%s:%s', ARGV[5], ARGV[4]), tonumber(ARGV[9]))
return {text(id), 0}
