-- uses: timeline
-- Trims a timeline that has grown past cap + slack to its cap, by id. One whose builder has died is dropped: the next read
-- builds it.  KEYS: timeline.  ARGV: cap, slack, how long a builder may take in ms
-- Returns 1 if it was trimmed or dropped.
local cap = tonumber(ARGV[1])
if redis.call('LLEN', KEYS[1]) <= cap + tonumber(ARGV[2]) + 1 then return 0 end
local header = redis.call('LINDEX', KEYS[1], -1)
local floor, ordered = timeline_header(header)
if floor then
  timeline_settle(KEYS[1], floor, ordered, cap)
  return 1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local begun = tonumber(string.match(header, '^B(%d+)-'))
if now >= begun and now - begun < tonumber(ARGV[3]) then return 0 end
return redis.call('UNLINK', KEYS[1])
