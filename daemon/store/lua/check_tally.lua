-- uses: log counts
-- flags: allow-oom
-- Whether a share has as many comments as were counted one after the other, and makes it so.
-- KEYS: meta, log, counts
-- ARGV: daemon, generation, partition, 1 to mend, author, share, the entry that had changed it last when that began, how many
-- Returns 0 it is so, 1 it is not, 2 it has changed meanwhile.
if (string.match(redis.call('GET', KEYS[3]) or '', '^%d+') or '') ~= ARGV[7] then return 2 end
local comments, reshares = counts_read(KEYS[3])
if comments == tonumber(ARGV[8]) then return 0 end
if ARGV[4] == '1' then
  local log, refusal = log_open()
  if not log then return refusal end
  local counts = counts_after(log, tonumber(ARGV[8]), reshares)
  log_append(log, 'k', 'counted', 'a', ARGV[5], 's', ARGV[6], 'q', counts)
  log_close(log)
  redis.call('SET', KEYS[3], counts)
end
return 1
