-- Whether nothing was ever written to a partition: then a store may be imported into it, which it remembers until that has ended.
-- KEYS: meta, log.  ARGV: 1 to begin
-- Returns 1 or 0.
local held = redis.call('HMGET', KEYS[1], 'importing', 'imported')
local log, written = redis.call('XINFO', 'STREAM', KEYS[2]), 0
for i = 1, #log, 2 do
  if log[i] == 'entries-added' then written = log[i + 1] end
end
if held[1] or held[2] or written > 0 then return 0 end
if ARGV[1] == '1' then redis.call('HSET', KEYS[1], 'importing', 1) end
return 1
