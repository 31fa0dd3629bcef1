-- uses: log
-- flags: allow-oom
-- Gives entries that were parked long enough back to be tried once more, alone: as pending entries of nobody, which the next
-- daemon claims. One more death, and such an entry is parked again. What the log no longer holds stays parked.
-- A `retry` entry tells all daemons: until it is applied, timelines may change behind what they have seen of the log.
-- KEYS: meta, log, tries, parked.  ARGV: daemon, generation, partition, how long they stay parked in ms, how often to say that
-- each was tried
-- Returns how many.
local few = redis.call('HRANDFIELD', KEYS[4], 16, 'WITHVALUES')
if #few == 0 then return 0 end
local log, refusal = log_open()
if not log then return refusal end

local due_ms = log.now + EPOCH_MS - tonumber(ARGV[4])
local count = 0
for i = 1, #few, 2 do
  local id = tonumber(few[i])
  local position = string.format('%d-%d', math.floor(id / 8192), math.floor(id / 64) % 128)
  if cjson.decode(few[i + 1]).parked_ms <= due_ms and #redis.call('XRANGE', KEYS[2], position, position) > 0 then
    redis.call('HSET', KEYS[3], few[i], ARGV[5] .. ' -')
    redis.call('XCLAIM', KEYS[2], 'appliers', 'parked', 0, position, 'IDLE', 86400000, 'FORCE', 'JUSTID')
    redis.call('HDEL', KEYS[4], few[i])
    count = count + 1
  end
end
if count > 0 then log_append(log, 'k', 'retry') end
log_close(log)
return count
